"""A press, told to its end, on both databases and in virtual time."""

import json
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from devices.envelope import encode
from devices.events import BatteryLow, Cancel, CommandResult, Fall, Mode, Phase, Smoke, Sos, Test
from devices.readings import HeartRate
from server.alarms.model import Alarm, SignalRow
from server.errors import (
    AlarmClosedError,
    AlreadyTakenError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from server.ingest.model import CommandRow, Event, Inbox, Quarantine, Reading
from server.notify.channel import AnsweredBy, CallState, CallUpdate, GiveUp, KeyOutcome, Retry, Unsure, Why
from tests.server.harness import Story


async def test_press_is_on_the_board_and_acknowledged(told: Story) -> None:
    press = await told.press()
    assert told.broker.acked(press.id)
    (row,) = await told.board()
    assert (row.resident_name, row.kind, row.priority, row.state, row.presses) == ("王桂兰", "sos", 1, "open", 1)
    assert row.device_name["en"] == "Pull cord"


async def test_daughter_accepts_by_key_and_the_resident_is_told(told: Story) -> None:
    press = await told.press()
    assert not told.phone.calls
    await told.forward(15)
    assert [c.to for c in told.phone.calls] == ["+8610000000001"]
    await told.provider_says("daughter", CallState.RINGING, 1)
    assert (await told.call_of("daughter")).state == "ringing"
    result = await told.press_key("daughter", "1")
    assert result.outcome is KeyOutcome.ACCEPTED
    (row,) = await told.board()
    assert (row.state, row.duty, row.accepted_by) == ("responding", "accepted", "王芳")
    (command,) = told.broker.commands
    assert (command.kind, command.cause, command.body["confirmation"]) == ("say", press.id, "person")
    await told.forward(300)
    assert len(told.phone.calls) == 1, "nobody else is called once somebody goes"


@pytest.mark.parametrize("end", [CallState.BUSY, CallState.NO_ANSWER, CallState.FAILED, CallState.COMPLETED])
async def test_failed_call_starts_the_next_step_at_once(told: Story, end: CallState) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.RINGING, 1)
    if end is CallState.COMPLETED:
        await told.provider_says("daughter", CallState.ANSWERED, 2, AnsweredBy.MACHINE)
    await told.provider_says("daughter", end, 3)
    await told.settle_down()
    expected = {"busy": "busy", "no_answer": "no_answer", "failed": "error", "completed": "voicemail"}[end.value]
    assert (await told.call_of("daughter")).result == expected
    assert (await told.call_of("neighbour")).state == "placed"


async def test_answered_and_completed_without_a_key_never_accept(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.ANSWERED, 1, AnsweredBy.HUMAN)
    await told.provider_says("daughter", CallState.COMPLETED, 2)
    (row,) = await told.board()
    assert row.state == "open"
    assert (await told.call_of("daughter")).result == "no_key"
    await told.call_of("neighbour")


async def test_declined_goes_on_to_the_next(told: Story) -> None:
    await told.press()
    await told.forward(15)
    assert (await told.press_key("daughter", "2")).outcome is KeyOutcome.DECLINED
    assert (await told.call_of("daughter")).state == "declined"
    await told.call_of("neighbour")


async def test_nobody_answers_until_the_grid_worker(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.NO_ANSWER, 1)
    await told.provider_says("neighbour", CallState.NO_ANSWER, 1)
    await told.forward(130)
    (row,) = await told.board()
    assert row.unanswered, "an exhausted ladder is shown"
    await told.forward(40)
    assert (await told.press_key("grid", "1")).outcome is KeyOutcome.ACCEPTED
    assert "+8610000000004" not in [c.to for c in told.phone.calls], "another region's responder is not called"


async def test_the_second_to_accept_hears_who_has_it_and_others_are_hung_up(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.RINGING, 1)
    await told.forward(60)  # she lets it ring; the neighbour is called as well
    first = await told.press_key("neighbour", "1")
    assert first.outcome is KeyOutcome.ACCEPTED
    second = await told.press_key("daughter", "1")
    assert (second.outcome, second.taken_by) == (KeyOutcome.TAKEN, "陈师傅")
    assert told.phone.hung_up == [f"CA{0:032x}"]
    assert (await told.press_key("neighbour", "1")).outcome is KeyOutcome.ACCEPTED, "pressing twice is no loss"


async def test_claim_stops_the_operators_ladder_only(told: Story) -> None:
    await told.press()
    (row,) = await told.board()
    await told.claim("anna", row.id)
    await told.forward(15)
    await told.call_of("daughter")
    ladders = {s.ladder: s.state for s in (await told.page()).steps}
    assert ladders["operators"] == "done"
    with pytest.raises(AlreadyTakenError, match="Anna"):
        await told.claim("ben", row.id)
    await told.claim("anna", row.id)
    assert {c.body["confirmation"] for c in told.broker.commands} == {"person"}
    assert len({c.id for c in told.broker.commands}) == 1


async def test_close_needs_an_outcome_a_note_where_needed_and_the_newest_state(told: Story) -> None:
    await told.press()
    (row,) = await told.board()
    await told.claim("anna", row.id)
    (row,) = await told.board()
    with pytest.raises(InvalidError, match="outcome"):
        await told.close("anna", row, "whatever")
    with pytest.raises(InvalidError, match="note"):
        await told.close("anna", row, "technical", "  ")
    await told.press()
    with pytest.raises(ConflictError):
        await told.close("anna", row)
    (row,) = await told.board()
    assert row.presses == 2
    await told.close("anna", row, "genuine:fall", "Fell in the bathroom")
    assert await told.board() == []
    with pytest.raises(AlarmClosedError):
        await told.claim("ben", row.id)
    await told.forward(300)
    assert not told.phone.calls
    assert (await told.board(state="closed"))[0].outcome == "genuine:fall"


async def test_every_press_joins_and_none_is_doubled(told: Story) -> None:
    first = await told.press()
    second = await told.press()
    await told.send(first)
    await told.send(first, second, first)
    (row,) = await told.board()
    assert row.presses == 2
    assert await told.count(SignalRow) == await told.count(Event) == await told.count(Inbox) == 2
    assert sum(press.id == first.id for ack in told.broker.acks for press in [first] if first.id in ack.ids) >= 3


async def test_fall_can_be_cancelled_within_its_window(told: Story) -> None:
    await told.press(said=Fall())
    (row,) = await told.board()
    assert row.state == "pre_alarm"
    await told.forward(20)
    await told.press(said=Cancel())
    assert await told.board() == []
    (closed,) = await told.board(state="closed")
    assert closed.outcome == "cancelled"
    await told.forward(300)
    assert not told.phone.calls


async def test_fall_that_nobody_cancels_calls_after_the_window(told: Story) -> None:
    await told.press(said=Fall())
    await told.forward(29)
    assert (await told.board())[0].state == "pre_alarm"
    await told.forward(1)
    assert (await told.board())[0].state == "open"
    await told.forward(15)
    await told.call_of("daughter")
    await told.press(said=Cancel())
    assert (await told.board())[0].state == "open", "a late cancel closes nothing"
    assert "cancel_too_late" in await told.timeline()


async def test_fall_stays_raised_when_the_wearer_gets_up(told: Story) -> None:
    await told.press(said=Fall())
    await told.press(said=Fall(phase=Phase.CLEAR))
    await told.forward(30)
    assert (await told.board())[0].state == "open"
    assert "signal_cleared" in await told.timeline()


async def test_sos_within_a_fall_window_ends_it(told: Story) -> None:
    await told.press(said=Fall())
    await told.press(said=Sos())
    assert (await told.board())[0].state == "open"
    await told.forward(15)
    await told.call_of("daughter")


async def test_sos_on_an_open_technical_alarm_makes_it_life_and_must_be_taken_again(told: Story) -> None:
    await told.press(said=BatteryLow())
    (row,) = await told.board()
    assert (row.priority, row.kind) == (3, "battery_low")
    await told.claim("anna", row.id)
    await told.press()
    (row,) = await told.board()
    assert (row.priority, row.kind, row.state, row.claimed_by) == (1, "sos", "open", None)
    await told.press(said=BatteryLow())
    assert (await told.board())[0].priority == 1, "joining never lowers"
    await told.forward(15)
    await told.call_of("daughter")


async def test_modes_do_not_mix_and_only_actual_and_drills_call(told: Story) -> None:
    await told.press(mode=Mode.SIMULATED)
    assert await told.board() == []
    assert await told.count(Event) == 1, "recorded as what it is"
    await told.press(said=Test())
    (row,) = await told.board()
    assert (row.mode, row.priority) == ("test", 3)
    await told.press(mode=Mode.TEST)
    await told.forward(200)
    assert not told.phone.calls
    await told.press()
    assert {r.mode for r in await told.board()} == {"test", "actual"}
    await told.press(mode=Mode.EXERCISE)
    assert {r.mode for r in await told.board()} == {"test", "actual", "exercise"}


async def test_regions_see_their_own(told: Story) -> None:
    await told.press()
    (row,) = await told.board("ben")
    assert await told.board("jian") == []
    with pytest.raises(NotFoundError):
        await told.claim("jian", row.id)
    with pytest.raises(NotAllowedError):
        await told.claim("viewer", row.id)


async def test_unknown_gateway_and_device_still_raise_for_everybody(told: Story) -> None:
    await told.press(gateway="gw-nobody-knows", device="button")
    (row,) = await told.board("jian")
    assert (row.subject, row.resident_name) == ("gateway:gw-nobody-knows", None)
    await told.press(device="new_button")
    row = next(r for r in await told.board() if r.resident_id == "wang")
    assert not row.device_registered


async def test_late_alarm_says_by_how_much(told: Story) -> None:
    await told.send(told.envelope(HeartRate(value=70)))
    await told.press(ago_s=600)
    (row,) = await told.board()
    assert row.late_s == pytest.approx(600, abs=1)
    assert row.opened_at == told.clock.now()
    assert row.event_at == told.clock.now() - timedelta(seconds=600)


async def test_readings_are_kept_and_shown(told: Story) -> None:
    await told.press()
    await told.send(told.envelope(HeartRate(value=104)))
    assert await told.count(Reading) == 1
    assert (await told.page()).readings["heart_rate"][0] == 104


async def test_command_is_sent_until_answered(told: Story) -> None:
    await told.press()
    await told.claim("anna", (await told.board())[0].id)
    (command,) = told.broker.commands
    told.clock.advance(5)
    await told.settle_down()
    assert [c.id for c in told.broker.commands] == [command.id, command.id]
    await told.send(told.envelope(CommandResult(command=str(command.id), result="done"), device="gw-1"))
    told.clock.advance(60)
    await told.settle_down()
    assert len(told.broker.commands) == 2
    assert "person_told" in await told.timeline()


async def test_unanswered_command_is_told(told: Story) -> None:
    await told.press()
    await told.claim("anna", (await told.board())[0].id)
    told.clock.advance(601)
    await told.settle_down()
    assert "person_not_told" in await told.timeline()
    assert await told.count(CommandRow) == 1


async def test_silent_gateway_becomes_visible_once(told: Story) -> None:
    await told.send(told.envelope(HeartRate(value=70)))
    await told.forward(179)
    assert await told.board() == []
    await told.forward(2)
    (row,) = await told.board()
    assert (row.kind, row.priority, row.device_registered) == ("offline", 3, True)
    await told.forward(300)
    assert len((await told.page()).signals) == 1
    await told.send(told.envelope(HeartRate(value=70)))
    assert "signal_cleared" in await told.timeline()
    assert len(await told.board()) == 1, "a person closes it"


async def test_acceptance_without_deeds_looks_for_the_next(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.press_key("daughter", "1")
    await told.forward(600)
    assert "duty_overdue" in await told.timeline()
    (row,) = await told.board()
    assert (row.state, row.accepted_by) == ("open", None)
    await told.settle_down()
    await told.call_of("neighbour")


async def test_provider_refusing_for_now_is_tried_again(told: Story) -> None:
    await told.press()
    told.phone.next_outcomes = [Retry(Why.RATE_LIMITED, 2.0), Retry(Why.PROVIDER_DOWN, 1.0)]
    await told.forward(15)
    assert not told.phone.calls
    await told.forward(4)
    assert len(told.phone.calls) == 1
    assert (await told.call_of("daughter")).try_ == 2


async def test_provider_that_gives_up_starts_the_next_step(told: Story) -> None:
    await told.press()
    told.phone.next_outcomes = [GiveUp(Why.NUMBER_REFUSED, "21211")]
    await told.forward(15)
    await told.settle_down()
    assert (await told.call_of("daughter")).result == "gave_up"
    await told.call_of("neighbour")


@pytest.mark.parametrize("rang", [True, False])
async def test_call_we_are_unsure_of_is_found_or_made_once(told: Story, rang: bool) -> None:
    await told.press()
    told.phone.next_outcomes, told.phone.rings_although_unsure = [Unsure(Why.TIMED_OUT)], rang
    told.phone.unavailable = True
    await told.forward(20)
    assert (await told.call_of("daughter")).state == "sending"
    told.phone.unavailable = False
    await told.forward(5)
    assert (await told.call_of("daughter")).state == "placed"
    assert len(told.phone.placed) == 1, "never a second call because an answer was slow"


async def test_late_callback_of_a_call_thought_lost_is_adopted(told: Story) -> None:
    """The provider did not list it, so it is to be made again; then its callback comes."""
    await told.press()
    told.phone.next_outcomes = [Unsure(Why.TIMED_OUT), Retry(Why.RATE_LIMITED, 30)]
    await told.forward(20)
    attempt = await told.call_of("daughter")
    assert attempt.state == "pending"
    await told.calls.call_update(CallUpdate(attempt.id, "CAlate", CallState.RINGING, AnsweredBy.UNKNOWN, 1))
    await told.forward(60)
    assert (await told.call_of("daughter")).provider_id == "CAlate"
    assert [c for c in told.phone.calls if c.to == attempt.address] == []


async def test_call_without_callbacks_is_asked_for(told: Story) -> None:
    await told.press()
    await told.forward(15)
    attempt = await told.call_of("daughter")
    assert attempt.provider_id
    told.phone.move(attempt.provider_id, CallState.NO_ANSWER)
    await told.forward(15)
    assert (await told.call_of("daughter")).result == "no_answer"


async def test_callbacks_twice_late_and_out_of_order(told: Story) -> None:
    await told.press()
    await told.forward(15)
    await told.provider_says("daughter", CallState.ANSWERED, 2)
    await told.provider_says("daughter", CallState.RINGING, 1)
    assert (await told.call_of("daughter")).state == "answered"
    await told.provider_says("daughter", CallState.COMPLETED, 3)
    await told.provider_says("daughter", CallState.COMPLETED, 3)
    await told.provider_says("daughter", CallState.ANSWERED, 2)
    assert (await told.call_of("daughter")).state == "failed"
    unknown = await told.calls.key_pressed(uuid7(), "CA0", "1")
    assert unknown.outcome is KeyOutcome.UNKNOWN


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff\xfe", b"[]]", b'{"v":2}', b"[" * 5000, b'{"v":1,"id":"not-a-uuid"}', b"x" * 300_000],
    ids=lambda p: repr(p[:12]),
)
async def test_poison_on_p0_is_kept_raises_once_and_blocks_nothing(told: Story, payload: bytes) -> None:
    await told.send_bytes("anhu/v1/gw-1/up/p0", payload)
    await told.send_bytes("anhu/v1/gw-1/up/p0", payload)
    assert await told.count(Quarantine) == 1
    (row,) = await told.board()
    assert (row.kind, row.priority, row.presses) == ("unknown", 2, 1)
    press = await told.press()
    assert told.broker.acked(press.id)
    assert (await told.board())[0].kind == "sos"


async def test_envelope_of_an_unknown_kind_is_quarantined_and_acknowledged(told: Story) -> None:
    message = json.loads(encode(told.envelope()))
    message["kind"] = "earthquake"
    message["id"] = str(uuid7())
    await told.send_bytes("anhu/v1/gw-1/up/p0", json.dumps(message).encode())
    assert str(told.broker.acks[-1].ids[0]) == message["id"]
    assert (await told.board())[0].kind == "unknown"


async def test_text_that_the_database_refuses_takes_nothing_with_it(told: Story) -> None:
    bad = told.envelope(device="nul\x00device")
    good = told.envelope()
    await told.send(bad, good)
    assert told.broker.acked(good.id)
    assert told.broker.acked(bad.id)
    assert any(row.kind == "sos" for row in await told.board())


async def test_smoke_is_life(told: Story) -> None:
    await told.press(said=Smoke(), device="kitchen")
    (row,) = await told.board()
    assert row.priority == 1
    assert await told.count(Alarm) == 1
