"""From a message to its meaning: memory, poison, rate."""

import json

import pytest

from devices import registry
from devices.errors import DecodeError
from devices.events import Fault, Sos, Unknown
from devices.registry import Decoded, Memory, Message
from gateway import understand
from gateway.understand import Understanding, Understood

ROUTES = [("native", "anhu/device/v1"), ("zigbee2mqtt", "zigbee2mqtt")]


@pytest.fixture
def understanding() -> Understanding:
    return Understanding(ROUTES, {})


def read(
    understanding: Understanding, topic: str, payload: object, at: float = 0.0, *, retained: bool = False
) -> Understood:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    understood = understanding.read(Message(topic, data, retained, at))
    assert understood is not None
    return understood


def test_subscribes_what_the_sources_need(understanding: Understanding) -> None:
    assert understanding.subscriptions == ["anhu/device/v1/+/up", "zigbee2mqtt/#"]


def test_topics_of_nobody(understanding: Understanding) -> None:
    assert understanding.read(Message("elsewhere/x", b"", False, 0)) is None
    assert understanding.read(Message("zigbee2mqtt/bridge/devices", b"[]", False, 0)) is None


def test_memory_moves_on_and_is_handed_over_to_be_stored(understanding: Understanding) -> None:
    first = read(understanding, "zigbee2mqtt/bath", {"action": "emergency"})
    assert [r.said for r in first.reports] == [Sos()]
    assert set(first.memory) == {("zigbee2mqtt", "zigbee2mqtt", "bath")}
    echo = read(understanding, "zigbee2mqtt/bath/action", b"emergency", 0.1)
    assert echo.reports == ()
    # A new process that has the memory knows the echo as well.
    second = Understanding(ROUTES, dict(first.memory))
    assert read(second, "zigbee2mqtt/bath/action", b"emergency", 0.1).reports == ()


def test_what_cannot_be_read_may_have_been_a_call(understanding: Understanding) -> None:
    poison = read(understanding, "zigbee2mqtt/bath", b"\xff{")
    assert isinstance(poison.reports[0].said, Unknown)
    assert poison.damaged
    assert "payload" in poison.reports[0].said.said


def test_one_a_minute_and_device(understanding: Understanding) -> None:
    said = [len(read(understanding, "zigbee2mqtt/bath", b"\xff{", at).reports) for at in (0, 1, 59.9, 60, 61, 125)]
    assert said == [1, 0, 0, 1, 0, 1]
    other = read(understanding, "zigbee2mqtt/bed", b"\xff{", 61)
    assert len(other.reports) == 1
    assert read(understanding, "zigbee2mqtt/bath", b"\xff{", 62).damaged, "kept all the same"


def test_parts_that_nobody_can_press_and_retained_messages_are_a_fault(understanding: Understanding) -> None:
    for topic, retained in (("zigbee2mqtt/bridge/state", False), ("zigbee2mqtt/bath", True)):
        reports = read(understanding, topic, b"\xff{", retained=retained).reports
        assert [type(r.said) for r in reports] == [Fault]


def test_a_mistake_beside_a_call_costs_nothing(understanding: Understanding) -> None:
    event = {"v": 1, "kind": "sos", "mode": "often"}
    understood = read(understanding, "anhu/device/v1/pull/up", event)
    assert [r.said for r in understood.reports] == [Sos()]
    assert [p.field for p in understood.problems] == ["mode"]
    assert understood.ack_topic == "anhu/device/v1/pull/ack"


def test_a_mistake_alone_is_a_fault(understanding: Understanding) -> None:
    understood = read(understanding, "anhu/device/v1/band/up", {"v": 1, "kind": "heart_rate", "body": {"value": "x"}})
    assert [type(r.said) for r in understood.reports] == [Fault]


def test_a_broken_decoder_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(message: Message, base: str, memory: Memory) -> Decoded:
        raise KeyError("oops")

    native = registry.decoder("native")
    broken = registry.Decoder("broken", "Broken", "b", ("{base}/#",), lambda t, b: t[2:] or None, fails)
    monkeypatch.setattr(understand, "decoder", {"broken": broken, "native": native}.__getitem__)
    understanding = Understanding([("broken", "b"), ("native", "anhu/device/v1")], {})
    understood = understanding.read(Message("b/x", b"1", False, 0))
    assert understood is not None
    assert isinstance(understood.reports[0].said, Unknown)
    assert "KeyError" in understood.problems[0].problem


def test_decode_errors_keep_their_field(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(message: Message, base: str, memory: Memory) -> Decoded:
        raise DecodeError("battery", "must be a number")

    picky = registry.Decoder("picky", "Picky", "p", ("{base}/#",), lambda t, b: t[2:] or None, refuses)
    monkeypatch.setattr(understand, "decoder", {"picky": picky}.__getitem__)
    understood = Understanding([("picky", "p")], {}).read(Message("p/x", b"1", False, 0))
    assert understood is not None
    assert understood.problems[0].field == "battery"


def test_a_level_that_may_have_ended_unheard_counts_again(understanding: Understanding) -> None:
    pressed = {"sos": True, "battery": 87}
    assert len(read(understanding, "zigbee2mqtt/feibit", pressed).reports) >= 1
    repeats = [r.said for r in read(understanding, "zigbee2mqtt/feibit", pressed, 1.0).reports]
    assert Sos() not in repeats, "a cached field that repeats is no press"
    understanding.rearm()
    after = [r.said for r in read(understanding, "zigbee2mqtt/feibit", pressed, 2.0).reports]
    assert Sos() in after, "the release may have come while nobody listened"
