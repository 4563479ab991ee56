"""Presses on the real chain, one after the other, each followed to the board (or to the first call) before the next."""

from collections.abc import Iterable
from pathlib import Path

from simulators import broker, record
from simulators.chain import Wanted, started
from simulators.community import PlanTimes
from simulators.home import Call
from simulators.phone.people import Behaviour, Busy
from simulators.play import Player, at_work
from simulators.scenario import Hop

WITHIN_S = 20.0


def _busy(_person: str) -> Behaviour:
    return Busy(does="busy")  # the call is placed and over at once: the next press finds the line free


def wanted(state: Path, database: str, kind: str | None, *, calls_at_once: bool) -> Wanted:
    """A chain whose plan calls the family at once, or not during the measurement."""
    after_s = 0.0 if calls_at_once else 3600.0
    return Wanted(
        state=state,
        broker=broker.choose(kind),
        database=database,
        times=PlanTimes(family_after_s=after_s, responders_after_s=3600),
        behaviours=_busy,
    )


async def presses(want: Wanted, times: int, last: Hop) -> list[record.Event]:
    """So many presses, waiting for `last` each time; each alarm is closed before the next press opens another."""
    seen: list[record.Event] = []
    async with started(want) as chain, at_work(chain) as player:
        for _ in range(times):
            call = await player.home.press_button()
            await player.desk.until(lambda _board, call=call: last in _hops(player, call), WITHIN_S)  # type: ignore[misc]
            await player.home.until(lambda call=call: "centre" in call.heard_at, WITHIN_S)  # type: ignore[misc]
            seen += record.events([call], player.desk.board)
            alarm = player.desk.board.alarm_of(call.event_id)
            assert alarm is not None
            await player.desk.close(alarm, "test")
            await player.desk.refresh()
    return seen


def _hops(player: Player, call: Call) -> Iterable[Hop]:
    return record.events([call], player.desk.board)[0].at
