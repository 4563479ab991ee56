"""No input, however damaged, makes a decoder raise anything but DecodeError, or remember without bound."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.recording import recordings
from devices.registry import Decoder, Memory, Message, decoders
from devices.vendors import _zigbee2mqtt_fields as fields
from devices.vendors import _zigbee2mqtt_values as values_of

MESSAGES = [(r.source, m.topic, m.payload.encode()) for r in recordings().values() for m in r.messages]
DEVICE_TOPICS = {
    "zigbee2mqtt": ["zigbee2mqtt/d", "zigbee2mqtt/d/action", "zigbee2mqtt/d/availability", "zigbee2mqtt/d/sos",
                    "zigbee2mqtt/bridge/state", "zigbee2mqtt/bridge/event", "zigbee2mqtt/d/last_seen"],
    "native": ["anhu/device/v1/d/up"],
}  # fmt: skip
each = pytest.mark.parametrize("decoder", decoders().values(), ids=decoders().keys())

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["emergency", "fall", "sos", "offline", "online", "raise", "clear", "test", "alarm", "falling"])
)  # fmt: skip
keys = st.sampled_from(
    [*fields.LEVELS, *values_of.READINGS, "action", "occupancy", "last_seen", "state", "type", "data", "friendly_name",
     "v", "id", "kind", "phase", "mode", "body", "cause", "wall", "value"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=8), inner, max_size=6)
)
objects = st.dictionaries(keys, values, max_size=12)


def hear(decoder: Decoder, topic: str, payload: bytes, memory: Memory, at_s: float = 0.0) -> Memory:
    """The memory afterwards; it must survive a file."""
    if decoder.identify(topic, decoder.base) is None:
        return memory
    try:
        decoded = decoder.decode(Message(topic, payload, False, at_s), decoder.base, memory)
    except DecodeError:
        return memory
    for report in decoded.reports:
        assert isinstance(report.device, str)
    after: Memory = json.loads(json.dumps(dict(decoded.memory), allow_nan=False))
    return after


@each
@given(payload=st.binary(max_size=300))
def test_random_bytes(decoder: Decoder, payload: bytes) -> None:
    for topic in DEVICE_TOPICS[decoder.source]:
        hear(decoder, topic, payload, {})


@each
@given(sequence=st.lists(objects, max_size=4))
def test_random_objects_in_sequence(decoder: Decoder, sequence: list[dict[str, object]]) -> None:
    for topic in DEVICE_TOPICS[decoder.source]:
        memory: Memory = {}
        for position, content in enumerate(sequence):
            memory = hear(decoder, topic, json.dumps(content).encode(), memory, position * 0.5)


@given(st.randoms(use_true_random=False), st.sampled_from(MESSAGES))
@settings(max_examples=300)
def test_mutated_recordings(chance: random.Random, message: tuple[str, str, bytes]) -> None:
    source, topic, payload = message
    damaged = bytearray(payload)
    for _ in range(chance.randint(1, 6)):
        place = chance.randint(0, len(damaged))
        match chance.randint(0, 3):
            case 0:
                damaged[place : place + 1] = bytes([chance.randint(0, 255)])
            case 1:
                del damaged[place : place + chance.randint(1, 9)]
            case 2:
                damaged[place:place] = damaged[: chance.randint(0, 20)]
            case _:
                damaged[place:place] = chance.choice([b"{", b"]", b'"', b"\\u", b"\xff", b"1e999", b"null"])
    chosen = decoders()[source]
    hear(chosen, topic, bytes(damaged), {})


@given(topic=st.text(max_size=40), payload=st.binary(max_size=40))
def test_random_topics(topic: str, payload: bytes) -> None:
    for decoder in decoders().values():
        hear(decoder, topic, payload, {})
        hear(decoder, f"{decoder.base}/{topic}", payload, {})


@each
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"action":[', b'[{"kind":'])
def test_deep_nesting(decoder: Decoder, opening: bytes) -> None:
    for topic in DEVICE_TOPICS[decoder.source]:
        hear(decoder, topic, opening * 50_000, {})


@each
@pytest.mark.parametrize(
    "payload",
    [b'{"battery":' + b"9" * 5000 + b"}", b'{"action":' + b"9" * 5000 + b"}", b'{"last_seen":1e308}',
     b'{"v":1,"kind":"battery","body":{"value":' + b"9" * 5000 + b"}}", b'{"action":"' + b"x" * 60_000 + b'"}',
     b"\xef\xbb\xbf{}", b'{"action":"emergency",' + b'"a":1,' * 100_000, b'"' * 200_000, b" " * 200_000],
)  # fmt: skip
def test_sizes(decoder: Decoder, payload: bytes) -> None:
    for topic in DEVICE_TOPICS[decoder.source]:
        hear(decoder, topic, payload, {})


def test_memory_does_not_grow_with_what_is_said() -> None:
    decoder = decoders()["zigbee2mqtt"]
    devices: Memory = {}
    bridge: Memory = {}
    for number in range(500):
        devices = hear(decoder, "zigbee2mqtt/d", json.dumps({"action": f"word {number}", f"f{number}": 1}).encode(),
                       devices, number * 0.001)  # fmt: skip
        leaves = {"type": "device_leave", "data": {"friendly_name": f"d{number}"}}
        bridge = hear(decoder, "zigbee2mqtt/bridge/event", json.dumps(leaves).encode(), bridge)
    assert len(json.dumps(devices)) < 16_000
    assert len(bridge) < 100
