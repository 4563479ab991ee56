"""Every kind survives the wire: the kind, phase and body of an envelope give back what was said."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import envelope, events, readings
from devices.envelope import Clock, Envelope, Raw
from devices.errors import DecodeError, EnvelopeError
from devices.events import KINDS, READING_KINDS, Mode, Phase, Priority, Said, body_of, kind_of, priority_of, said_from

numbers = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, numbers)
st.register_type_strategy(int, st.integers(-(2**53), 2**53))
st.register_type_strategy(
    events.Heartbeat,
    st.builds(events.Heartbeat, device_age_s=st.dictionaries(st.text(max_size=9), numbers, max_size=3)),
)
anything_said = st.one_of([st.from_type(kind) for kind in (*events.Event.__args__, *readings.Reading.__args__)])


@given(anything_said)
def test_a_triple_gives_back_what_was_said(said: Said) -> None:
    body = body_of(said)
    assert "kind" not in body
    assert "phase" not in body
    assert said_from(kind_of(said), Phase(said.phase), body) == said


@given(
    anything_said,
    st.uuids(),
    st.none() | st.uuids(),
    st.sampled_from(Mode),
    st.sampled_from(Clock),
    st.text(max_size=20),
    st.none() | st.builds(Raw, topic=st.text(max_size=9), data=st.text(max_size=9)),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001  # an offset is added
)
def test_an_envelope_gives_back_what_was_said(
    said: Said, own_id: UUID, cause: UUID | None, mode: Mode, clock: Clock, device: str, raw: Raw | None, wall: datetime
) -> None:
    sent = Envelope(
        v=1,
        id=own_id,
        gateway="gw-0001",
        stream="s",
        seq=7,
        boot="b",
        mono_ms=12,
        wall=wall.replace(tzinfo=timezone(timedelta(hours=8))),
        clock=clock,
        device=device,
        kind=kind_of(said),
        phase=Phase(said.phase),
        mode=mode,
        cause=cause,
        body=body_of(said),
        raw=raw,
        device_time=wall.replace(tzinfo=UTC),
    )
    (received,) = envelope.decode_envelopes(envelope.encode(sent))
    assert received == sent
    assert received.said() == said
    assert envelope.decode_envelopes(envelope.encode([sent, sent])) == [sent, sent]


def test_every_kind_has_a_priority() -> None:
    assert {kind for kind in KINDS if priority_of(kind) is Priority.P0} >= events.LIFE | {"unknown", "test", "help"}
    assert {priority_of(kind) for kind in READING_KINDS} == {Priority.P2}
    assert priority_of("a kind of next year") is Priority.P0


def test_fields_of_a_newer_gateway_are_passed_over() -> None:
    assert said_from("sos", Phase.RAISE, {"press": "long", "colour": "red"}) == events.Sos(press="long")


@pytest.mark.parametrize(
    ("kind", "phase", "body", "field"),
    [
        ("mayday", Phase.RAISE, {}, "kind"),
        ("sos", Phase.RAISE, {"press": "hard"}, "body of sos"),
        ("motion", Phase.UPDATE, {}, "body of motion"),
        ("battery", Phase.RAISE, {"value": 3}, "body of battery"),
    ],
)
def test_what_is_no_event_names_the_field(kind: str, phase: Phase, body: dict[str, object], field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        said_from(kind, phase, body)
    assert caught.value.field == field


@given(st.binary(max_size=200))
def test_hostile_envelopes_raise_envelope_error_only(payload: bytes) -> None:
    for decode in (envelope.decode_envelopes, envelope.decode_ack, envelope.decode_command):
        try:
            decode(payload)
        except EnvelopeError:
            continue


def test_a_wall_time_without_offset_is_refused() -> None:
    item = {"v": 1, "id": "0198c0de-7a3b-7c11-8f00-0000000000aa", "gateway": "g", "stream": "s", "seq": 1, "boot": "b",
            "mono_ms": 1, "wall": "2026-03-01T08:00:00", "clock": "synced", "device": "d", "kind": "sos",
            "phase": "raise"}  # fmt: skip
    with pytest.raises(EnvelopeError, match="wall: needs an offset"):
        envelope.decode_envelopes(msgspec.json.encode(item))


@pytest.mark.parametrize("topic", ["anhu/v1/gw/up", "anhu/v1/gw/up/p3", "anhu/v1/gw/dn/p0", "other/v1/gw/up/p0", ""])
def test_a_topic_that_is_not_up(topic: str) -> None:
    with pytest.raises(EnvelopeError, match="topic"):
        envelope.parse_up_topic(topic)


def test_up_topics_round_trip() -> None:
    for priority in Priority:
        assert envelope.parse_up_topic(envelope.up_topic("gw-0001", priority)) == ("gw-0001", priority)
