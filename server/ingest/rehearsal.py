"""One press at start, taken in and rolled back: proof that an alarm can be opened, and no first caller waits for
statements to be compiled. Leaves nothing behind and wakes nobody's telephone."""

from uuid_utils.compat import uuid7

from devices.envelope import Clock, Envelope
from devices.events import Phase, Sos
from server.alarms import queries
from server.centre import Centre
from server.ingest.accept import accept


async def rehearse(centre: Centre) -> None:
    """Raises what the database raises when an alarm could not be opened."""
    now = centre.clock.now()
    press = Envelope(
        v=1,
        id=uuid7(),
        gateway="rehearsal",
        stream="rehearsal",
        seq=1,
        boot="rehearsal",
        mono_ms=0,
        wall=now,
        clock=Clock.SYNCED,
        device="rehearsal",
        kind="sos",
        phase=Phase.RAISE,
    )
    async with centre.db.write() as session:
        await accept(centre, session, [(press, Sos())], now)
        await queries.board(session, "rehearsal", now)
        await session.rollback()
