"""Zigbee2MQTT: `<base>/<name>` JSON states, `/action`, `/availability`, attribute topics and the bridge.

One press is said up to three times and a level in every message: counted once (see the helper modules). Must never
page anyone for a retained state or event; availability and bridge state are retained by design and are read as the
present truth.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from devices import events
from devices.errors import DecodeError
from devices.events import Mode, Phase, Said
from devices.registry import Decoded, Decoder, Memory, Message, Problem, Report
from devices.vendors import _zigbee2mqtt_fields as fields
from devices.vendors import _zigbee2mqtt_state as state
from devices.vendors import _zigbee2mqtt_values as values
from devices.vendors._zigbee2mqtt_actions import CALL_WORDS, SAID_LENGTH

MAX_PAYLOAD = 64 * 1024
"""Bytes of a device's message that are read; of a longer one the head is searched for a call."""

_CHANNELS = ("action", "click")
_SUFFIXES = frozenset({*_CHANNELS, "availability"}) | fields.ATTRIBUTES
_BRIDGE = ("state", "event")  # the rest of bridge/ is the bridge's own book-keeping
_MOST_ABSENT = 64


def _parts(topic: str, base: str) -> list[str]:
    """The levels below the base topic; empty where the topic is not below it."""
    return topic[len(base) + 1 :].split("/") if topic.startswith(f"{base}/") else []


def _root(parts: list[str]) -> str:
    """The name without what may be an attribute's topic.

    `bath/sos` may be the attribute `sos` of `bath` or a device of that name, which only the payload tells; both share
    the memory of `bath` and keep apart in it by their scope.
    """
    end = len(parts)
    while end > 1 and parts[end - 1] in _SUFFIXES:
        end -= 1
    return "/".join(parts[:end])


def identify(topic: str, base: str) -> str | None:
    """The device's friendly name (slashes and all), `bridge`, or None."""
    parts = _parts(topic, base)
    if not parts or parts[0] == "":
        return None
    if parts[0] == "bridge":
        return "bridge" if len(parts) == 2 and parts[1] in _BRIDGE else None
    if any(part in ("set", "get") for part in parts[1:]):
        return None
    return _root(parts)


def decode(message: Message, base: str, memory: Memory) -> Decoded:
    """Raises DecodeError; never anything else."""
    parts = _parts(message.topic, base)
    if identify(message.topic, base) is None:
        return Decoded(memory=memory)
    if parts[0] == "bridge":
        notes = state.Notes.of(memory, "")
        found = _availability("bridge", message, notes) if parts[1] == "state" else _bridge_event(message, notes)
        return Decoded(tuple(found), notes.memory, device="bridge")
    root, last = _root(parts), parts[-1]
    above = "/".join(parts[:-1])
    if len(parts) > 1 and last == "availability":
        notes = _notes(memory, above, root)
        return Decoded(tuple(_availability(above, message, notes)), notes.memory, device=above)
    if len(parts) > 1 and last in _CHANNELS:
        return _raw_action(above, message, _notes(memory, above, root))
    text = message.payload[:MAX_PAYLOAD].decode(errors="replace").removeprefix("\ufeff").strip()
    content = _object(message.payload)
    if content is None and len(parts) > 1 and last in fields.ATTRIBUTES and text[:1] not in ("{", "["):
        return _state(above, {last: text.strip('"')}, message, _notes(memory, above, root))
    device = "/".join(parts)
    if content is not None:
        return _state(device, content, message, _notes(memory, device, root))
    if text == "":  # a retained state that was taken away
        return Decoded(memory=memory, device=device)
    if not message.retained:
        return _damaged(device, text, message, _notes(memory, device, root), nested=len(parts) > 1)
    raise _not_an_object()


def _notes(memory: Memory, device: str, root: str) -> state.Notes:
    scope = device[len(root) :]
    return state.Notes.of(memory, f"{scope} " if scope else "")


def _object(payload: bytes) -> Mapping[str, Any] | None:
    if len(payload) > MAX_PAYLOAD:
        return None
    try:
        content = msgspec.json.decode(payload.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _not_an_object() -> DecodeError:
    return DecodeError("payload", "a device's state is a whole JSON object of at most 64 KiB")


def _state(device: str, content: Mapping[str, Any], message: Message, notes: state.Notes) -> Decoded:
    if message.retained:
        state.remember(content, notes)
        return Decoded(memory=notes.memory, device=device)
    at = values.last_seen_of(content.get("last_seen"))
    found: list[tuple[Said, Mode]] = state.alarms(content, notes, message.received_s)
    found += [(said, Mode.ACTUAL) for said in state.states(content, notes)]
    found += [(said, Mode.ACTUAL) for said in state.measured(content, notes, message.received_s)]
    reports = (Report(device=device, said=said, mode=mode, device_time=at) for said, mode in found)
    return Decoded(tuple(reports), notes.memory, device=device)


def _raw_action(device: str, message: Message, notes: state.Notes) -> Decoded:
    text = message.payload[:MAX_PAYLOAD].decode(errors="replace").strip().strip('"')
    content = _object(message.payload)
    if content is not None and "action" in content:
        text = values.text_of(content["action"]) or ""
    if message.retained:
        state.remember({"action": text}, notes)
        return Decoded(memory=notes.memory, device=device)
    calls = state.press(text[:SAID_LENGTH], "raw", message.received_s, notes)
    return Decoded(tuple(Report(device=device, said=call) for call in calls), notes.memory, device=device)


# --- availability ---------------------------------------------------------------------------------------------------
def _availability(device: str, message: Message, notes: state.Notes) -> list[Report]:
    """JSON {"state": …} or the bare word of older releases. Empty: the device was renamed, its name speaks no more."""
    content = _object(message.payload)
    word = content.get("state") if content is not None else message.payload[:64].decode(errors="replace").strip()
    word = word.strip('"').lower() if isinstance(word, str) else None
    if word == "":
        return []
    if word not in ("online", "offline"):
        raise DecodeError("payload", 'availability is "online" or "offline", alone or as {"state": …}')
    reason = "bridge" if device == "bridge" else "availability"
    return _presence_on_network(device, reason, word == "offline", notes)


def _presence_on_network(device: str, reason: str, absent: bool, notes: state.Notes) -> list[Report]:
    key = f"offline {reason}" if reason != "left" else f"offline left {device}"
    before = notes.get(key) == "yes"
    notes.put(key, "yes" if absent else "no")
    if absent == before:
        return []
    phase = Phase.RAISE if absent else Phase.CLEAR
    return [Report(device=device, said=events.Offline(phase=phase, reason=reason))]


def _bridge_event(message: Message, notes: state.Notes) -> list[Report]:
    """A device that left the network can call no more."""
    content = _object(message.payload)
    if content is None:
        raise DecodeError("payload", "a bridge event is a JSON object")
    data = content.get("data")
    name = data.get("friendly_name") or data.get("ieee_address") if isinstance(data, dict) else None
    if not isinstance(name, str) or message.retained:
        return []
    match content.get("type"):
        case "device_leave" | "device_leave_request" | "device_removed":
            left = True
        case "device_joined" | "device_announce" | "device_interview":
            left = False
        case _:
            return []
    known = [key for key in notes.memory if key.startswith("offline left ")]
    for key in known[:-_MOST_ABSENT]:
        del notes.memory[key]
    return _presence_on_network(name, "left", left, notes)


# --- damage ---------------------------------------------------------------------------------------------------------
_PAIR = re.compile(r'"([a-z0-9_]{1,40})"\s{0,9}:\s{0,9}(?:"([^"\\]{0,200})"|(true|false)\b)')
_CUT = re.compile(r'"([a-z0-9_]{1,40})"\s{0,9}:\s{0,9}"?([a-z_]{1,20})$')


def _damaged(device: str, text: str, message: Message, notes: state.Notes, *, nested: bool) -> Decoded:
    """The calls in what is left of a state. Only alarms are read from it: a measurement may be cut in two."""
    content: dict[str, Any] = {}
    for name, quoted, bare in _PAIR.findall(text):
        value: Any = {"true": True, "false": False}.get(bare, quoted)
        calls = name in _CHANNELS or (name in fields.LEVELS and fields.condition(name, value, posture=False)[1])
        if calls and value != "":
            content.setdefault(name, value)
    found = [said for said, _ in state.alarms(content, notes, message.received_s)]
    cut = _CUT.search(text[-80:])
    if cut and cut[1] not in content and _may_call(cut[1], cut[2]):
        found.append(events.Unknown(said=cut[0]))
    if text.strip('"').lower() in CALL_WORDS:  # a bare word where a state belongs
        found.append(events.Unknown(said=text[:SAID_LENGTH]))
    error = _not_an_object()
    if found:
        reports = tuple(Report(device=device, said=said) for said in found)
        return Decoded(reports, notes.memory, (Problem(error.field, error.problem),), device)
    if nested and text[:1] not in ("{", "[") and "\ufffd" not in text and len(text) <= SAID_LENGTH:
        above = device.rpartition("/")[0]  # an attribute that says nothing to us, but its device is alive
        return Decoded(memory=notes.memory, device=above)
    raise error


def _may_call(name: str, begun: str) -> bool:
    """Whether a value that was cut off may have become a call, and nothing else."""
    if name in _CHANNELS:
        return any(word.startswith(begun) for word in CALL_WORDS)
    values = [(text, kind) for text, kind in fields.CALLING.get(name, {}).items() if text.startswith(begun)]
    return bool(values) and all(kind is not None for _, kind in values)


DECODER = Decoder(
    source="zigbee2mqtt",
    title="Zigbee2MQTT",
    base="zigbee2mqtt",
    subscriptions=("{base}/#",),
    identify=identify,
    decode=decode,
    rearm=state.rearm,
)
