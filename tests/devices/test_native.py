"""The native protocol: what vendors send, what they get wrong, and what is never lost to it."""

import json
from typing import Any

import pytest

from devices import events, readings
from devices.errors import DecodeError
from devices.events import Mode, Phase
from tests.devices.play import Player, kinds, player, shown

UP = "anhu/device/v1/b1/up"
ID = "0198c0de-7a3b-7c11-8f00-0000000000aa"


@pytest.fixture
def native() -> Player:
    return player("native")


def sos(**more: Any) -> dict[str, Any]:
    return {"v": 1, "id": ID, "kind": "sos", **more}


def test_the_shortest_call(native: Player) -> None:
    (report,) = native.say(UP, '{"v":1,"kind":"sos"}').reports
    assert (report.device, report.said, report.mode, report.id) == ("b1", events.Sos(), Mode.ACTUAL, None)


def test_everything_said(native: Player) -> None:
    wall = "2026-03-01T08:00:00+08:00"
    payload = json.dumps(sos(phase="raise", mode="exercise", body={"press": "long"}, cause=None, wall=wall, more=[1]))
    assert [shown(r) for r in native.say(UP, payload).reports] == [
        {"device": "b1", "kind": "sos", "phase": "raise", "mode": "exercise", "press": "long", "id": ID,
         "device_time": wall}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"v": 2}, "v"),
        ({"v": True}, "v"),
        ({"id": "17"}, "id"),
        ({"id": 17}, "id"),
        ({"cause": "the last one"}, "cause"),
        ({"mode": "drill"}, "mode"),
        ({"phase": "clear"}, "phase"),
        ({"phase": ["raise"]}, "phase"),
        ({"wall": "08:00"}, "wall"),
        ({"wall": "2026-03-01T08:00:00"}, "wall"),
        ({"wall": 1772323200}, "wall"),
        ({"body": "long"}, "body"),
        ({"body": {"press": "hard"}}, "body.press"),
    ],
)
def test_a_mistake_beside_a_call_is_named_and_the_call_is_heard(
    native: Player, wrong: dict[str, Any], field: str
) -> None:
    decoded = native.say(UP, json.dumps(sos(**wrong)))
    assert kinds(decoded) == ["sos"]
    assert [problem.field for problem in decoded.problems] == [field]
    assert all(r.mode is Mode.ACTUAL for r in decoded.reports)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"v": 1, "kind": "battery", "body": {"value": "full"}}, "body.value"),
        ({"v": 1, "kind": "battery", "body": {}}, "body.value"),
        ({"v": 1, "kind": "motion", "body": {"state": "wild"}}, "body.state"),
        ({"v": 1, "kind": "tamper", "phase": "update"}, "phase"),
        ({"v": 1, "kind": "battery_low", "id": "x"}, "id"),
        ({"kind": "tamper"}, "v"),
        ({"v": 1}, "kind"),
        ({"v": 1, "kind": 5}, "kind"),
        ({"v": 1, "kind": "heartbeat"}, "kind"),
        ({"v": 1, "kind": "glucose", "body": {"value": 5}}, "kind"),
        (["sos"], "payload"),
    ],
)
def test_anything_else_that_is_wrong_is_refused_with_the_field(native: Player, item: Any, field: str) -> None:
    decoded = native.say(UP, json.dumps(item))
    assert decoded.reports == ()
    assert [problem.field for problem in decoded.problems] == [field]


def test_a_kind_that_we_do_not_know_may_be_a_call(native: Player) -> None:
    decoded = native.say(UP, json.dumps({"v": 1, "id": ID, "kind": "emergency"}))
    assert [(r.said, r.id) for r in decoded.reports] == [(events.Unknown(said="emergency"), ID)]
    assert [(p.field, p.id) for p in decoded.problems] == [("kind", ID)]


def test_the_good_beside_the_bad_in_an_array(native: Player) -> None:
    bad_id = ID.replace("aa", "bb")
    array = [{"v": 1, "id": bad_id, "kind": "bed", "body": {"state": "wet"}}, sos(), 7]
    decoded = native.say(UP, json.dumps(array))
    assert [r.id for r in decoded.reports] == [ID]
    assert [(p.field, p.id) for p in decoded.problems] == [("[0].body.state", bad_id), ("[2]", None)]


@pytest.mark.parametrize("payload", ["", "sos", "5", "null", "[]", "{", "[" * 10_000])
def test_a_message_without_an_event_is_refused(native: Player, payload: str) -> None:
    with pytest.raises(DecodeError, match="payload"):
        native.say(UP, payload)


def test_more_events_than_a_message_may_hold_are_named(native: Player) -> None:
    decoded = native.say(UP, json.dumps([sos()] * 65))
    assert len(decoded.reports) == 64
    assert [p.field for p in decoded.problems] == ["[64]"]


@pytest.mark.parametrize(("cut", "said"), [(-1, "sos"), (-2, "sos"), (-3, "so")])
def test_a_call_that_was_cut_off_is_heard_with_low_confidence(native: Player, cut: int, said: str) -> None:
    decoded = native.say(UP, json.dumps(sos())[:cut])
    assert [(r.said, r.id) for r in decoded.reports] == [(events.Unknown(said=f"kind={said}"), ID)]
    assert [p.field for p in decoded.problems] == ["payload"]


@pytest.mark.parametrize("word", ["test", "exercise", "simulated"])
def test_a_drill_that_was_cut_off_pages_nobody(native: Player, word: str) -> None:
    with pytest.raises(DecodeError):
        native.say(UP, f'{{"v":1,"mode":"{word}","kind":"sos","bo')


@pytest.mark.parametrize("topic", ["b1/ack", "b1/cmd", "b1", "b1/up/more", "/up"])
def test_only_up_is_read(native: Player, topic: str) -> None:
    assert native.decoder.identify(f"anhu/device/v1/{topic}", native.base) is None
    assert native.say(f"anhu/device/v1/{topic}", json.dumps(sos())).reports == ()


def test_retained_messages_are_passed_over(native: Player) -> None:
    assert native.say(UP, json.dumps(sos()), retained=True).reports == ()


def test_a_vital_of_zero_is_no_reading(native: Player) -> None:
    decoded = native.say(UP, '{"v":1,"kind":"spo2","body":{"value":0}}')
    assert [r.said for r in decoded.reports] == [readings.NoReading(of="spo2", reason="zero", said=0.0)]


def test_a_fall_can_end(native: Player) -> None:
    decoded = native.say(UP, json.dumps({"v": 1, "kind": "fall", "phase": "clear", "cause": ID}))
    assert [(r.said, r.cause) for r in decoded.reports] == [(events.Fall(phase=Phase.CLEAR), ID)]
