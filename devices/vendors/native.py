"""Our own protocol: JSON events on `anhu/device/v1/{device}/up` (docs/native-device.md).

Must never lose a call to a mistake beside it: of an event that travels with life, whatever can be read is reported and
the mistake is named in `problems`. Anything else that is wrong is refused with the field and what would be right.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from devices import events
from devices.errors import DecodeError
from devices.events import KINDS, READING_KINDS, Mode, Phase, Priority, Said, kind_of, priority_of, said_from
from devices.registry import Decoded, Decoder, Memory, Message, Problem, Report
from devices.vendors._plausible import checked

MAX_PAYLOAD = 64 * 1024
MAX_EVENTS = 64
SAID_LENGTH = 200

_GATEWAY_KINDS = frozenset({"heartbeat", "gap", "command_result"})
"""Said by gateways of themselves; a device has no business with them."""

_MODES = tuple(mode.value for mode in Mode)
_ONCE = frozenset({"sos", "help", "check_in", "cancel", "unknown", "power_on", "power_off", "test"})
_UPDATED = frozenset({"motion", "presence", "bed", "chair", "contact", "medication"}) | READING_KINDS
_PHASES: Mapping[str, tuple[str, ...]] = {
    kind: ("raise",) if kind in _ONCE else ("update",) if kind in _UPDATED else ("raise", "clear")
    for kind in (*KINDS, *READING_KINDS)
    if kind not in _GATEWAY_KINDS
}
"""Kind -> the phases it can have, the usual one first."""


def identify(topic: str, base: str) -> str | None:
    """The device of `{base}/{device}/up`; its acks and commands are not ours to read."""
    if not topic.startswith(f"{base}/"):
        return None
    device, _, channel = topic[len(base) + 1 :].partition("/")
    return device if device and channel == "up" else None


def decode(message: Message, base: str, memory: Memory) -> Decoded:
    """Raises DecodeError where the payload as a whole cannot be read; a mistake in one event becomes a problem.

    Retained messages are passed over: the device must publish anew until it is acknowledged.
    """
    device = identify(message.topic, base)
    if device is None or message.retained:
        return Decoded(memory=memory)
    try:
        items = _items(message.payload)
    except DecodeError as error:
        call = _call_in_damage(device, message.payload)
        if call is None:
            raise
        return Decoded((call,), memory, (Problem(error.field, error.problem, call.id),))
    reports: list[Report] = []
    problems: list[Problem] = []
    for position, item in enumerate(items[:MAX_EVENTS]):
        _read(device, item, f"[{position}]." if len(items) > 1 else "", reports, problems)
    if len(items) > MAX_EVENTS:  # the rest stays unacknowledged, so the device sends it again
        problems.append(Problem(f"[{MAX_EVENTS}]", f"{len(items)} events; at most {MAX_EVENTS} in one message"))
    return Decoded(tuple(reports), memory, tuple(problems))


def _items(payload: bytes) -> list[Any]:
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError("payload", f"{len(payload)} bytes, at most {MAX_PAYLOAD}")
    try:
        decoded = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("payload", f"not JSON: {error}") from error
    items = decoded if isinstance(decoded, list) else [decoded]
    if not items:
        raise DecodeError("payload", "an empty array; send at least one event")
    if not isinstance(decoded, dict | list):
        raise DecodeError("payload", "must be an event object or an array of them")
    return items


class _Item:
    """One event object, read field by field; every mistake is noted with the event's own id."""

    def __init__(self, item: Mapping[str, Any], where: str) -> None:
        self.item = item
        self.where = where
        said_id = item.get("id")
        self.said_id = said_id[:SAID_LENGTH] if isinstance(said_id, str) else None
        self.problems: list[Problem] = []

    def wrong(self, field: str, problem: str) -> None:
        self.problems.append(Problem(self.where + field, problem, self.said_id))

    def uuid(self, field: str) -> str | None:
        value = self.item.get(field)
        if value is None:
            return None
        try:
            if isinstance(value, str) and len(value) <= 64:
                return str(UUID(value))
        except ValueError:
            pass
        self.wrong(field, "must be a UUID, for example 0198c0de-7a3b-7c11-8f00-2f6f0a1b2c3d")
        return None

    def word(self, field: str, words: tuple[str, ...]) -> str:
        """The value, or the first of `words` where it is absent or none of them."""
        value = self.item.get(field)
        if value is not None and value not in words:
            self.wrong(field, f"must be {' or '.join(words)}, or left out for {words[0]}")
            return words[0]
        return words[0] if value is None else str(value)

    def moment(self) -> datetime | None:
        value = self.item.get("wall")
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or not 2000 < moment.year < 2200:
            self.wrong("wall", "must be a time with its offset, for example 2026-03-01T08:00:00+08:00")
            return None
        return moment


def _read(device: str, item: Any, where: str, reports: list[Report], problems: list[Problem]) -> None:
    if not isinstance(item, dict):
        problems.append(Problem(where.rstrip(".") or "payload", "must be an event object"))
        return
    one = _Item(item, where)
    if item.get("v") != 1 or isinstance(item.get("v"), bool):
        one.wrong("v", "must be 1, the version of this protocol")
    said = _said(one)
    mode, own_id, cause, at = Mode(one.word("mode", _MODES)), one.uuid("id"), one.uuid("cause"), one.moment()
    if said is not None and (not one.problems or priority_of(kind_of(said)) is Priority.P0):
        reports.append(Report(device=device, said=said, mode=mode, id=own_id, cause=cause, device_time=at))
    problems.extend(one.problems)


def _said(one: _Item) -> Said | None:
    """The typed event. Of a call, fields of the body that are wrong are left out and named."""
    kind = one.item.get("kind")
    body = one.item.get("body")
    if body is None:
        body = {}
    if not isinstance(body, dict):
        one.wrong("body", "must be an object with the kind's own fields")
        body = {}
    if not isinstance(kind, str) or kind not in _PHASES:
        return _unknown(one, kind, body)
    phase = Phase(one.word("phase", _PHASES[kind]))
    body = {name: value for name, value in body.items() if name not in ("kind", "phase")}
    try:
        return _typed(kind, phase, body)
    except DecodeError as error:
        one.wrong(*_of_body(error.problem))
    if priority_of(kind) is not Priority.P0:
        return None
    return _typed(kind, phase, {name: value for name, value in body.items() if _fits(kind, phase, {name: value})})


def _unknown(one: _Item, kind: Any, body: Mapping[str, Any]) -> Said | None:
    """A kind that we do not know may be a call, unless it is said to be none or carries a measurement."""
    if not isinstance(kind, str) or kind == "":
        one.wrong("kind", "missing; say what happened, for example sos")
        return None
    one.wrong("kind", f"{kind[:40]!r} is not a kind that a device can say; they are listed in docs/native-device.md")
    none = one.item.get("phase") in ("update", "clear") or "value" in body or kind in _GATEWAY_KINDS
    return None if none else events.Unknown(said=kind[:SAID_LENGTH])


_PLACE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<place>[^`]*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<place>[^`]*)`")


def _of_body(problem: str) -> tuple[str, str]:
    """Field and problem of what the type check said."""
    if missing := _MISSING.match(problem):
        return f"body.{missing['place']}", "missing"
    if placed := _PLACE.match(problem):
        return f"body.{placed['place']}", placed["problem"]
    return "body", problem


def _fits(kind: str, phase: Phase, body: dict[str, Any]) -> bool:
    try:
        _typed(kind, phase, body)
    except DecodeError:
        return False
    return True


def _typed(kind: str, phase: Phase, body: dict[str, Any]) -> Said:
    said = said_from(kind, phase, body)
    if kind in READING_KINDS:
        return checked(said)  # type: ignore[arg-type]  # the kind says that it is a reading
    return said


_CALLS = frozenset({"sos", "help", "fall", "smoke", "gas", "co", "heat", "vitals_alarm", "unknown"})
_KIND = re.compile(r'"kind"\s{0,9}:\s{0,9}"([a-z_0-9]{1,40})("|$)')
_ID = re.compile(r'"id"\s{0,9}:\s{0,9}"([0-9a-fA-F-]{32,36})"')
_NO_CALL = re.compile(r'"(test|exercise|simulated|clear|update)"')


def _call_in_damage(device: str, payload: bytes) -> Report | None:
    """A low-confidence call from a message that is cut or bent, unless the rest of it says that it is none."""
    text = payload[:MAX_PAYLOAD].decode(errors="replace")
    call = next((found for found in _KIND.finditer(text) if _is_call(found[1], whole=found[2] == '"')), None)
    if call is None or _NO_CALL.search(text):
        return None
    found = _ID.search(text)
    try:
        own_id = str(UUID(found[1])) if found else None
    except ValueError:
        own_id = None
    return Report(device=device, said=events.Unknown(said=f"kind={call[1]}"), id=own_id)


def _is_call(kind: str, *, whole: bool) -> bool:
    """Whether the kind, perhaps cut off, can only have been a call."""
    if whole:
        return kind in _CALLS
    begun = {known for known in _PHASES if known.startswith(kind)}
    return bool(begun) and begun <= _CALLS


DECODER = Decoder(
    source="native",
    title="Anhu native devices",
    base="anhu/device/v1",
    subscriptions=("{base}/+/up",),
    identify=identify,
    decode=decode,
)
