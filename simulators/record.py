"""What became of every call: the time of each hop, the counts, and whether anything was lost or came twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulators.dispatch import Alarm, Board
from simulators.home import Call
from simulators.scenario import HOPS, Hop

RAISES = frozenset({"sos", "fall"})
"""Kinds of calls that must become a signal; a cancel is delivered as surely but raises nothing."""


_CONFIRMATIONS: tuple[tuple[Hop, str], ...] = (("gateway_stored", "stored"), ("centre_committed", "centre"))
"""Hops that the home's speaker tells of, and by which confirmation."""


@dataclass(frozen=True, slots=True)
class Event:
    """One call with its hops, in seconds since 1970."""

    call: Call
    alarm: Alarm | None
    at: Mapping[Hop, float]

    def as_json(self) -> dict[str, Any]:
        pressed = self.at["pressed"]
        reached = [hop for hop in HOPS if hop in self.at]
        return {
            "device": self.call.device,
            "kind": self.call.kind,
            "event_id": self.call.event_id,
            "alarm": self.alarm["number"] if self.alarm else None,
            "at": {hop: _iso(self.at[hop]) for hop in reached},
            "ms": {hop: round((self.at[hop] - pressed) * 1000, 1) for hop in reached},
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """`signals` are those of the resident's alarms; `lost` and `duplicated` must be 0."""

    pressed: int
    stored: int
    committed: int
    alarms: int
    signals: int
    lost: int
    duplicated: int


def events(calls: Iterable[Call], board: Board) -> list[Event]:
    """The calls with everything home and board know of them."""
    return [_event(call, board) for call in calls]


def _event(call: Call, board: Board) -> Event:
    at: dict[Hop, float] = {"pressed": call.pressed_at}
    at |= {hop: call.heard_at[stage] for hop, stage in _CONFIRMATIONS if stage in call.heard_at}
    if call.event_id and call.event_id in board.event_seen_at:
        at["on_board"] = board.event_seen_at[call.event_id]
    alarm = board.alarm_of(call.event_id)
    if alarm is not None:
        placed = [attempt["placed_at"] for attempt in alarm["attempts"] if attempt["placed_at"]]
        moments: dict[Hop, str | None] = {
            "first_call_placed": min(placed, default=None),
            "accepted": alarm["accepted_at"],
            "closed": alarm["closed_at"],
        }
        at |= {hop: datetime.fromisoformat(moment).timestamp() for hop, moment in moments.items() if moment}
    return Event(call, alarm, at)


def resident_alarms(board: Board) -> list[Alarm]:
    """Alarms about people."""
    return [alarm for alarm in board.alarms.values() if alarm["subject"].startswith("resident:")]


def silences(alarms: Iterable[Alarm]) -> int:
    """How often the centre told that a gateway is silent."""
    return sum(signal["rule"] == "gateway_silent" for alarm in alarms for signal in alarm["signals"])


def silence_is_over(alarms: Iterable[Alarm]) -> bool:
    """Whether it told that the gateway speaks again."""
    lines = (line for alarm in alarms for line in alarm["timeline"])
    return any(line["kind"] == "signal_cleared" and line["body"].get("kind") == "offline" for line in lines)


def count(calls: Iterable[Call], board: Board) -> Counts:
    """Native calls are compared by id. A Zigbee press has no id of its own: its device's signals are counted."""
    raised = [call for call in calls if call.kind in RAISES]
    signals = [
        signal
        for alarm in resident_alarms(board)
        for signal in alarm["signals"]
        if signal["kind"] in RAISES and signal["phase"] == "raise"
    ]
    pressed_of, seen_of = _per_source(raised), _per_source_of_signals(raised, signals)
    return Counts(
        pressed=len(raised),
        stored=sum("stored" in call.heard_at for call in raised),
        committed=sum("centre" in call.heard_at for call in raised),
        alarms=len(resident_alarms(board)),
        signals=len(signals),
        lost=sum(max(0, number - seen_of.get(source, 0)) for source, number in pressed_of.items()),
        duplicated=sum(max(0, number - pressed_of.get(source, 0)) for source, number in seen_of.items()),
    )


def _per_source(calls: Iterable[Call]) -> dict[str, int]:
    found: dict[str, int] = {}
    for call in calls:
        source = call.event_id if call.names_itself and call.event_id else f"{call.device}/{call.kind}"
        found[source] = found.get(source, 0) + 1
    return found


def _per_source_of_signals(calls: Iterable[Call], signals: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    native = {call.event_id for call in calls if call.names_itself}
    found: dict[str, int] = {}
    for signal in signals:
        source = signal["event_id"] if signal["event_id"] in native else f"{signal['device']}/{signal['kind']}"
        found[source] = found.get(source, 0) + 1
    return found


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
