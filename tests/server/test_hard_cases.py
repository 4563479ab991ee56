"""What once lost, misfiled or silenced a call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from devices.envelope import Clock, Raw, encode, up_topic
from devices.events import BatteryLow, Cancel, CommandResult, Fall, Help, Mode, Priority, Sos, VitalsAlarm
from devices.readings import HeartRate
from server.alarms.model import Alarm
from server.escalation import attempts
from server.escalation.model import Escalation
from server.escalation.steps import start_due_steps
from server.homes.model import Gateway
from server.ingest import ingest
from server.ingest.model import Quarantine, Reading
from server.notify.channel import CallState, KeyOutcome, Placed, Retry, Why
from server.residents.importer import Hashed, import_community, parse_community
from tests.server.harness import COMMUNITY, NUMBERS, Story

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
ODD: dict[str, dict[str, Any]] = {
    "empty device date": {"device_time": LONG_AGO},
    "empty wall, another boot": {"wall": LONG_AGO, "boot": "other"},
    "seq beyond 64 bits": {"seq": 2**63},
    "mono beyond reason": {"mono_ms": 10**14},
    "mono far beyond": {"mono_ms": 2**62},
    "mono negative": {"mono_ms": -(2**62)},
    "NUL in raw": {"raw": Raw("t", "a\0b")},
    "NUL in device": {"device": "a\0b"},
    "NUL in body": {"body": {"press": "long", "more\0": ["x\0"]}},
    "long device": {"device": "d" * 400},
    "long boot and stream": {"boot": "b" * 100, "stream": "s" * 100},
}


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_sos_is_an_sos_and_harms_nothing_after_it(told: Story, name: str) -> None:
    await told.send(msgspec.structs.replace(told.envelope(), **ODD[name]))
    (row,) = await told.board()
    assert (row.kind, row.priority) == ("sos", 1)
    assert row.event_at > told.clock.now() - timedelta(days=366)
    second = await told.press()
    assert told.broker.acked(second.id)
    assert (await told.board())[0].presses == 2


async def test_a_spoiled_boot_zero_is_forgotten(told: Story) -> None:
    async with told.centre.db.write() as session:
        await session.execute(update(Gateway).values(boot="b", boot_zero_us=-(10**17)))
    await told.press()
    assert (await told.board())[0].late_s < 1


async def test_a_gateway_id_as_long_as_a_topic(told: Story) -> None:
    await told.send_bytes(f"anhu/v1/{'g' * 200}/up/p0", b"rubbish")
    await told.send(told.envelope(gateway="g" * 200))
    assert await told.count(Quarantine) == 2
    assert (await told.board("jian"))[0].kind == "unknown"


async def test_the_same_unreadable_press_raises_again_after_its_alarm_was_closed(told: Story) -> None:
    topic, payload = "anhu/v1/gw-1/up/p0", b'{"pressed":true}'
    await told.send_bytes(topic, payload)
    await told.close("anna", (await told.board())[0])
    told.clock.advance(5)
    await told.send_bytes(topic, payload)
    assert await told.board() == [], "sent again within a minute it is the same"
    told.clock.advance(61)
    await told.send_bytes(topic, payload)
    assert (await told.board())[0].kind == "unknown"


@pytest.mark.parametrize("mode", [Mode.SIMULATED, Mode.TEST])
async def test_what_cannot_be_stored_keeps_its_mode(told: Story, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: object) -> None:
        raise ValueError("a value that no column takes")

    bad = told.envelope(mode=mode)
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "accept", refuses)
        await told.send(bad)
    assert told.broker.acked(bad.id)
    assert {row.mode for row in await told.board()} <= {"test"}
    await told.forward(200)
    assert not told.phone.calls


async def test_one_bad_envelope_of_a_batch_costs_the_others_nothing(
    told: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [told.envelope(HeartRate(value=60 + n)) for n in range(20)]
    bad = told.envelope(HeartRate(value=5))
    real = ingest.accept

    async def picky(centre: Any, session: Any, items: Any, now: Any) -> None:
        if any(envelope.id == bad.id for envelope, _ in items):
            raise ValueError("no column takes it")
        await real(centre, session, items, now)

    monkeypatch.setattr(ingest, "accept", picky)
    await told.send_bytes("anhu/v1/gw-1/up/p2", encode([*good[:10], bad, *good[10:]]))
    assert await told.count(Reading) == 20
    assert all(told.broker.acked(each.id) for each in [*good, bad])


async def test_a_press_that_waits_already_is_not_queued_again(told: Story) -> None:
    press = told.envelope()
    for _ in range(1000):
        told.ingest.receive(up_topic("gw-1", Priority.P0), encode(press))
    assert len(told.ingest._take()) == 1


async def test_life_never_shares_a_transaction_with_telemetry(told: Story) -> None:
    for n in range(100):
        told.ingest.receive(up_topic("gw-1", Priority.P2), encode(told.envelope(HeartRate(value=n))))
    told.ingest.receive(up_topic("gw-1", Priority.P0), encode(told.envelope()))
    assert [a.priority for a in told.ingest._take()] == [Priority.P0]
    assert len(told.ingest._take()) == ingest.TELEMETRY


async def test_a_shared_helper_who_is_on_the_telephone_holds_up_nobody_else(told: Story) -> None:
    many = COMMUNITY + "".join(
        f"  - {{id: p{n}, region: '360000', resident: r{n}, ladders: [{{name: responders, stops_on: accept, steps: "
        "[{targets: ['responder:grid_worker'], wait_s: 600}]}]}\n"
        for n in range(60)
    )
    people = "".join(f"  - {{id: r{n}, region: '360000/360700', name: R{n}, address: x}}\n" for n in range(60))
    boxes = "".join(f"  - {{id: box{n}, region: '360000/360700', resident: r{n}}}\n" for n in range(60))
    text = many.replace("responders:\n", f"{people}responders:\n", 1).replace("devices:\n", f"{boxes}devices:\n", 1)
    await import_community(told.centre.db, parse_community(text), Hashed())
    await told.send(*(told.envelope(gateway=f"box{n}") for n in range(60)))
    await told.forward(2)
    await told.press()
    await told.forward(16)
    await told.call_of("daughter")


async def test_cancel_takes_back_the_fall_and_nothing_else(told: Story) -> None:
    await told.press(said=Fall())
    await told.press(said=BatteryLow())
    await told.press(said=Cancel())
    (row,) = await told.board()
    assert row.state == "pre_alarm", "another signal is in it: somebody looks"
    await told.forward(30)
    assert (await told.board())[0].state == "open"


async def test_cancel_of_an_earlier_fall_does_not_take_back_a_later_one(told: Story) -> None:
    first = await told.press(said=Fall())
    await told.press(said=Fall())
    late = msgspec.structs.replace(told.envelope(Cancel()), cause=first.id)
    await told.send(late)
    assert len(await told.board()) == 1


async def test_cancel_by_cause_works(told: Story) -> None:
    fall = await told.press(said=Fall())
    await told.send(msgspec.structs.replace(told.envelope(Cancel()), cause=fall.id))
    assert await told.board() == []


HELP_PLAN = COMMUNITY.replace("kinds: [sos, fall, smoke, gas, co]", "kinds: [help]")


async def test_a_graver_signal_never_gets_fewer_people(told: Story) -> None:
    await import_community(told.centre.db, parse_community(HELP_PLAN), Hashed())
    await told.press(said=Help())
    await told.forward(16)
    await told.call_of("daughter")
    await told.press(said=VitalsAlarm())
    await told.forward(90)
    await told.call_of("neighbour")


async def test_sos_after_a_fall_without_family_plan_calls_the_family(told: Story) -> None:
    only_sos = COMMUNITY.replace("kinds: [sos, fall, smoke, gas, co]", "kinds: [sos]")
    await import_community(told.centre.db, parse_community(only_sos), Hashed())
    await told.press(said=Fall())
    await told.press(said=Sos())
    await told.forward(16)
    await told.call_of("daughter")


async def test_the_last_one_accepts_and_does_not_come_everybody_is_asked_again(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.NO_ANSWER, 1)
    assert (await told.press_key("neighbour", "1")).outcome is KeyOutcome.ACCEPTED
    before = len(told.phone.calls)
    await told.forward(620)
    assert len(told.phone.calls) > before


async def test_nobody_is_called_after_somebody_accepted_though_their_ladder_was_exhausted(told: Story) -> None:
    await told.press()
    await told.forward(15)
    told.phone.next_outcomes = [Retry(Why.RATE_LIMITED, 300)]
    await told.forward(121)  # the neighbour's call is put off; the family ladder runs out
    assert any(s.ladder == "family" for s in (await told.page()).steps)
    await told.press_key("daughter", "1")
    called = len(told.phone.calls)
    await told.forward(400)
    assert len(told.phone.calls) == called


async def test_closing_hangs_up_what_still_rings(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.forward(121)
    await told.close("anna", (await told.board())[0])
    await told.settle_down()
    assert len(told.phone.hung_up) == len(told.phone.placed)


async def test_after_our_own_silence_homes_are_given_time(told: Story) -> None:
    await told.send(told.envelope(HeartRate(value=70)))
    told.centre.health.broker_connected = lambda: False
    await told.forward(300)
    assert await told.board() == [], "it was we who could not hear"
    told.centre.health.broker_connected = lambda: True
    await told.forward(100)
    assert await told.board() == []
    await told.forward(90)
    assert (await told.board())[0].kind == "offline"


async def test_a_snapshot_of_a_newer_release_is_read_and_a_broken_one_stops_only_itself(told: Story) -> None:
    await told.press()
    async with told.centre.db.write() as session:
        newer = {"name": "family", "stops_on": "accept", "start_after_s": 15, "colour": "red"}
        steps = [{"targets": ["contact:1"], "wait_s": 60, "mood": "kind"}]
        family = update(Escalation).where(Escalation.ladder == "family")
        await session.execute(family.values(plan_snapshot={**newer, "steps": steps}))
        broken = update(Escalation).where(Escalation.ladder == "responders")
        await session.execute(broken.values(plan_snapshot={"steps": "none"}, due_at=told.clock.now()))
    await told.forward(16)
    assert [call.to for call in told.phone.calls] == [NUMBERS["daughter"]]
    assert any(row.subject.startswith("centre:ladder:") for row in await told.board())


async def test_a_call_placed_after_another_worker_gave_it_up_is_hung_up(told: Story) -> None:
    await told.press()
    told.clock.advance(15)
    db, now, settings = told.centre.db, told.clock.now(), told.centre.settings.escalation
    await start_due_steps(db, now)
    (attempt,) = await told.attempts()
    claimed = await attempts.claim(db, attempt.id, "a", now, settings)
    assert claimed is not None
    outcome = await told.phone.place(claimed.call)
    await told.close("anna", (await told.board())[0])
    assert (await told.call_of("daughter")).state == "sending", "nobody touches it within its lease"
    assert isinstance(outcome, Placed)
    await attempts.record(db, claimed, "a", outcome, told.clock.now(), settings)
    await told.settle_down()
    assert told.phone.hung_up == [outcome.provider_id]
    assert (await told.call_of("daughter")).state == "cancelled"


async def test_an_endless_call_is_ended(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.RINGING, 1)
    await told.forward(16 * 60)
    assert (await told.call_of("daughter")).state == "failed"
    assert told.phone.hung_up


async def test_the_confirmation_goes_to_the_home_that_called(told: Story) -> None:
    text = COMMUNITY.replace(
        "  - {id: gw-2,", "  - {id: band, region: '360000/360700', resident: wang}\n  - {id: gw-2,"
    )
    await import_community(told.centre.db, parse_community(text), Hashed())
    press = await told.press()
    await told.press(said=BatteryLow(), gateway="band", device="band")
    await told.claim("anna", (await told.board())[0].id)
    assert {c.cause for c in told.broker.commands} == {press.id}


async def test_another_gateway_cannot_answer_a_command(told: Story) -> None:
    await told.press()
    await told.claim("anna", (await told.board())[0].id)
    (command,) = told.broker.commands
    await told.send(told.envelope(CommandResult(command=str(command.id), result="done"), gateway="gw-2"))
    assert "person_told" not in await told.timeline()


async def test_clock_states_and_counts(told: Story) -> None:
    late = msgspec.structs.replace(told.envelope(ago_s=50), boot="unknown boot", clock=Clock.HOLDOVER)
    await told.send(late)
    (signal,) = (await told.page()).signals
    assert signal.clock in ("holdover", "mono")
    assert await told.count(Alarm) == 1
