"""The state of one Zigbee device: the edges and presses that a message says, given what the device said before.

Must never let one field hide another: every call in a message becomes an event of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from devices import events
from devices.events import Mode, Phase, Said, Sos, kind_of
from devices.registry import Memory
from devices.vendors import _zigbee2mqtt_fields as fields
from devices.vendors import _zigbee2mqtt_values as values
from devices.vendors._zigbee2mqtt_actions import GESTURE_FIELDS, Channel, call_of, is_echo

REPEAT_S = 600.0
"""Zigbee2MQTT repeats old readings in every message; an unchanged one is reported again only after this time."""


@dataclass(slots=True)
class Notes:
    """What is remembered of one device. `scope` keeps apart devices that share a memory (see `zigbee2mqtt.py`)."""

    memory: dict[str, str | int | float | bool | None]
    scope: str = ""

    @classmethod
    def of(cls, memory: Memory, scope: str) -> "Notes":
        return cls(dict(memory), scope)

    def get(self, key: str) -> str | None:
        value = self.memory.get(self.scope + key)
        return value if isinstance(value, str) else None

    def put(self, key: str, value: str) -> None:
        self.memory[self.scope + key] = value

    def values(self, prefix: str) -> list[str]:
        return [str(v) for k, v in self.memory.items() if k.startswith(self.scope + prefix)]


@dataclass(slots=True)
class _Edges:
    raised: dict[str, tuple[Said, Mode]] = field(default_factory=dict)
    cleared: dict[str, Mode] = field(default_factory=dict)


def press(text: str, channel: Channel, received_s: float, notes: Notes, *, gestures: bool = False) -> list[Said]:
    """The call of one button action, unless the other channel has said this press already."""
    caller = notes.get("caller") is not None
    call = call_of(text, caller=caller, gestures=gestures)
    if call is None:
        return []
    if isinstance(call, Sos):
        notes.put("caller", "yes")
    pending: Mapping[Channel, str | None] = {"json": notes.get("pending json"), "raw": notes.get("pending raw")}
    echo, pending = is_echo(pending, channel, text, received_s)
    for name, waiting in pending.items():
        notes.put(f"pending {name}", waiting or "[]")
    return [] if echo else [call]


def remember(content: Mapping[str, Any], notes: Notes) -> None:
    """A retained state: old news, so nothing is reported. It may only make the device readier to call.

    A level that has ended meanwhile is armed again, so that its next alarm counts; a level that stands in alarm is not
    noted as seen, so that a live message with it still raises. A double report is better than a lost one.
    """
    for name, value in content.items():
        if name not in fields.LEVELS:
            continue
        readable, kind = fields.condition(name, value, posture=False)
        if readable and kind is None and (before := notes.get(f"level {name}")):
            notes.put(f"level {name}", _ended(before))
    for text in (content.get("action"), content.get("click")):
        if isinstance(text, str) and isinstance(call_of(text, caller=False), Sos):
            notes.put("caller", "yes")


def rearm(memory: Memory) -> Memory:
    """Levels in alarm may have ended unheard: the next message with them raises again, or clears."""
    return {
        key: _ended(value) if "level " in key and isinstance(value, str) and value else value
        for key, value in memory.items()
    }


def _ended(before: str) -> str:
    return before if before.startswith("ended ") else f"ended {before}"


def alarms(content: Mapping[str, Any], notes: Notes, received_s: float) -> list[tuple[Said, Mode]]:
    """Presses and the edges of levels, calls first."""
    edges = _Edges()
    for name in ("action", "click"):
        text = _action_text(content.get(name))
        if text:
            gestures = not GESTURE_FIELDS.isdisjoint(content)
            for call in press(text, "json", received_s, notes, gestures=gestures):
                edges.raised.setdefault(kind_of(call), (call, Mode.ACTUAL))
    under_test = any(fields.condition(f, content[f], posture=False)[1] for f in fields.TEST_FIELDS if f in content)
    for name in content:
        if name in fields.LEVELS:
            _edge(name, content, notes, edges, under_test=under_test)
    found = list(edges.raised.values())
    for kind, mode in edges.cleared.items():
        if kind not in notes.values("level "):  # another field may still say that it holds
            found.append((events.said_from(kind, Phase.CLEAR, {}), mode))
    return found


def _action_text(value: Any) -> str:
    """A press must not go unheard because its action is no text."""
    if value is None or value is False:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _edge(name: str, content: Mapping[str, Any], notes: Notes, edges: _Edges, *, under_test: bool) -> None:
    """One level: raise on the change to an alarm value, clear on the change back."""
    before = notes.get(f"level {name}")
    readable, kind = fields.condition(name, content[name], posture=before is not None)
    if not readable or (kind == fields.UNREAD and name.startswith("alarm") and fields.says_siren(content)):
        return
    said = f"{name}={values.text_of(content[name])}"
    testing = kind == "test" or (under_test and kind in fields.TESTED)
    now = "" if kind is None else said if kind == fields.UNREAD else f"testing {kind}" if testing else kind
    notes.put(f"level {name}", before if testing and before == kind and before else now)
    ended = (before or "").removeprefix("ended ")
    held = ended.removeprefix("testing ")
    if kind is not None and now != before and not (testing and before == kind):
        mode = Mode.TEST if testing else Mode.ACTUAL
        known = edges.raised.get(kind)
        if known is None or known[1] is Mode.TEST:
            edges.raised[kind] = (fields.event_of(kind, said, content), mode)
        if kind == "sos":
            notes.put("caller", "yes")
    if held and "=" not in held and held not in (kind, *fields.NEVER_CLEARED):
        edges.cleared.setdefault(held, Mode.TEST if ended.startswith("testing ") else Mode.ACTUAL)


def states(content: Mapping[str, Any], notes: Notes) -> list[Said]:
    """Rooms, beds and doors, on change only."""
    if fields.says_radar(content):
        notes.put("radar", "yes")
    now = {kind: state for kind in fields.STATES if (state := fields.state_of(kind, content)) is not None}
    sees = "presence" if notes.get("radar") else "motion"
    if sees not in now and (occupied := fields.occupancy_of(content, sees)) is not None:
        now[sees] = occupied
    if "status" in content and "presence" in now and "bed" not in now:
        in_bed = values.text_of(content["status"]) == "on_the_bed"
        if in_bed or notes.get("state bed"):  # a sensor without a bed in its view never spoke of one
            now["bed"] = "occupied" if in_bed else "empty"
    changed = []
    for kind, state in now.items():
        if notes.get(f"state {kind}") != state:
            notes.put(f"state {kind}", state)
            changed.append(events.said_from(kind, Phase.UPDATE, {"state": state}))
    return changed


def measured(content: Mapping[str, Any], notes: Notes, received_s: float) -> list[Said]:
    """Readings that are new, or old enough to be worth repeating."""
    found: list[Said] = []
    for kind, reading in values.readings_of(content).items():
        value = str(events.body_of(reading))
        shown, _, at = (notes.get(f"reading {kind}") or "").rpartition(" @ ")
        last_s = values.number_of(at)
        if shown == value and last_s is not None and abs(received_s - last_s) < REPEAT_S:
            continue
        notes.put(f"reading {kind}", f"{value} @ {received_s:.3f}")
        found.append(reading)
    return found
