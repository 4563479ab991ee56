"""What a device can say: one struct per kind, one tagged union over all of them (tag `kind`).

The wire carries `kind` and `phase` beside a `body` with the kind's own fields (see envelope.py).
Kinds are added, never renamed: gateways in homes outlive any release of the centre.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from devices import readings
from devices.errors import DecodeError


class Phase(StrEnum):
    """Where in its life the reported condition is."""

    RAISE = "raise"  # it began, or it happened
    UPDATE = "update"  # a state or a value, neither good nor bad in itself
    CLEAR = "clear"  # it ended; a clear never closes an alarm


class Mode(StrEnum):
    """How much the event counts. Anything but `actual` can never reach an emergency service."""

    ACTUAL = "actual"
    TEST = "test"  # a user test or a device's self-test
    EXERCISE = "exercise"  # a drill: people are called and told that it is one
    SIMULATED = "simulated"  # made by a network or a simulator; recorded, pages nobody


class Priority(StrEnum):
    """The delivery class of protocol.md; the value is the last level of the topic."""

    P0 = "p0"  # life: first, never dropped
    P1 = "p1"  # states that a person must learn of
    P2 = "p2"  # telemetry and heartbeats: batched, oldest dropped first with a gap record


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    phase: Phase = Phase.RAISE


# --- a person calls -------------------------------------------------------------------------------------------------
class Sos(_Event, frozen=True, kw_only=True, tag="sos"):
    """A person called for help. `press` where the device says how."""

    press: Literal["short", "long", "double", "pull"] | None = None


class Help(_Event, frozen=True, kw_only=True, tag="help"):
    """A call that is not an emergency (service button)."""

    press: Literal["short", "long", "double", "pull"] | None = None


class CheckIn(_Event, frozen=True, kw_only=True, tag="check_in"):
    """ "I am well." """


class Cancel(_Event, frozen=True, kw_only=True, tag="cancel"):
    """The resident takes back the call named by the envelope's `cause`, or the latest one."""


class Unknown(_Event, frozen=True, kw_only=True, tag="unknown"):
    """A device that can call said something we cannot read: a low-confidence call, never silence."""

    said: str = ""  # the code or text that was not understood, at most 200 characters


# --- what sensors judge ---------------------------------------------------------------------------------------------
class Fall(_Event, frozen=True, kw_only=True, tag="fall"):
    """A detected fall; it stays raised even if the wearer gets up."""

    confidence: float | None = None  # 0..1 where the device says


class FallWarning(_Event, frozen=True, kw_only=True, tag="fall_warning"):
    """A sensor's "maybe a fall"."""


class Smoke(_Event, frozen=True, kw_only=True, tag="smoke"):
    """Smoke alarm."""


class Gas(_Event, frozen=True, kw_only=True, tag="gas"):
    """Combustible gas."""


class Co(_Event, frozen=True, kw_only=True, tag="co"):
    """Carbon monoxide."""


class Heat(_Event, frozen=True, kw_only=True, tag="heat"):
    """Heat alarm."""


class WaterLeak(_Event, frozen=True, kw_only=True, tag="water_leak"):
    """Water where none should be."""


class VitalsAlarm(_Event, frozen=True, kw_only=True, tag="vitals_alarm"):
    """The device's own judgement of heart rate, SpO2 and the like."""

    of: str | None = None  # kind of the reading that is judged, e.g. "heart_rate"
    value: float | None = None  # in that reading's unit


class Inactivity(_Event, frozen=True, kw_only=True, tag="inactivity"):
    """The device's own judgement that nobody moved."""


class Geofence(_Event, frozen=True, kw_only=True, tag="geofence"):
    """Raise: left the area. Clear: back. WGS 84 degrees where there is a fix."""

    lat: float | None = None
    lon: float | None = None
    fence: str | None = None


class Removed(_Event, frozen=True, kw_only=True, tag="removed"):
    """Wristband or pendant taken off (raise) or put on again (clear)."""


# --- what a room, bed, chair or door sensor sees ----------------------------------------------------------------------
class Motion(_Event, frozen=True, kw_only=True, tag="motion"):
    """Movement seen (`active`) or over."""

    phase: Phase = Phase.UPDATE
    state: Literal["active", "still"]


class Presence(_Event, frozen=True, kw_only=True, tag="presence"):
    """Somebody is in the room, or nobody is."""

    phase: Phase = Phase.UPDATE
    state: Literal["present", "absent"]


class Bed(_Event, frozen=True, kw_only=True, tag="bed"):
    """Bed occupancy."""

    phase: Phase = Phase.UPDATE
    state: Literal["occupied", "empty"]


class Chair(_Event, frozen=True, kw_only=True, tag="chair"):
    """Chair occupancy."""

    phase: Phase = Phase.UPDATE
    state: Literal["occupied", "empty"]


class Contact(_Event, frozen=True, kw_only=True, tag="contact"):
    """Door, window or drawer."""

    phase: Phase = Phase.UPDATE
    state: Literal["open", "closed"]


class Medication(_Event, frozen=True, kw_only=True, tag="medication"):
    """Dispenser."""

    phase: Phase = Phase.UPDATE
    state: Literal["taken", "missed", "refused"]


# --- the device itself ------------------------------------------------------------------------------------------------
class BatteryLow(_Event, frozen=True, kw_only=True, tag="battery_low"):
    """Raised again every day until the battery is changed."""

    percent: float | None = None


class Tamper(_Event, frozen=True, kw_only=True, tag="tamper"):
    """Opened, moved or shorted."""


class Fault(_Event, frozen=True, kw_only=True, tag="fault"):
    """The device says that it is broken."""

    said: str | None = None


class MainsLost(_Event, frozen=True, kw_only=True, tag="mains_lost"):
    """Mains gone for 60 s (raise), stable again for 60 s (clear)."""


class Jamming(_Event, frozen=True, kw_only=True, tag="jamming"):
    """Radio jamming noticed."""


class Offline(_Event, frozen=True, kw_only=True, tag="offline"):
    """Said by the ecosystem's availability or found by supervision."""

    reason: str | None = None


class PowerOn(_Event, frozen=True, kw_only=True, tag="power_on"):
    """Switched on."""


class PowerOff(_Event, frozen=True, kw_only=True, tag="power_off"):
    """Switched off."""


class Test(_Event, frozen=True, kw_only=True, tag="test"):
    """A self-test or a test call."""

    __test__ = False  # not a test class for pytest


# --- the gateway itself (`device` is its own id) -----------------------------------------------------
class Heartbeat(_Event, frozen=True, kw_only=True, tag="heartbeat"):
    """The gateway is alive. Ages in seconds, so that an unset clock does no harm."""

    phase: Phase = Phase.UPDATE
    version: str
    outbox_depth: int  # events not yet acknowledged by the centre
    oldest_unacked_s: float  # age of the oldest of them; 0 when there is none
    uptime_s: float
    local_link: bool  # connected to the home's broker
    power: Literal["mains", "battery", "unknown"] = "unknown"
    interval_s: float = 60.0
    device_age_s: dict[str, float] = {}  # device id -> seconds since it was last heard


class Gap(_Event, frozen=True, kw_only=True, tag="gap"):
    """Events of this gateway that will never arrive, and why."""

    phase: Phase = Phase.UPDATE
    lost_stream: str
    first_seq: int
    last_seq: int
    count: int
    reason: str


class CommandResult(_Event, frozen=True, kw_only=True, tag="command_result"):
    """What became of a command from the centre (dn/cmd)."""

    phase: Phase = Phase.UPDATE
    command: str
    result: Literal["done", "failed", "expired", "unsupported"]
    detail: str = ""


Event = (
    Sos | Help | CheckIn | Cancel | Unknown
    | Fall | FallWarning | Smoke | Gas | Co | Heat | WaterLeak | VitalsAlarm | Inactivity | Geofence | Removed
    | Motion | Presence | Bed | Chair | Contact | Medication
    | BatteryLow | Tamper | Fault | MainsLost | Jamming | Offline | PowerOn | PowerOff | Test
    | Heartbeat | Gap | CommandResult
)  # fmt: skip

Said = Event | readings.Reading
"""Everything that can stand in an envelope: an event or a reading."""

LIFE = frozenset({"sos", "fall", "smoke", "gas", "co"})
"""The floor: these always raise an alarm, whatever the rules say."""

_P0 = LIFE | {"heat", "vitals_alarm", "test", "unknown", "help", "cancel"}
"""`help`, `cancel` and `unknown` travel with life: a person waits behind each of them."""

_P2 = frozenset({"heartbeat", "gap", "motion", "presence", "bed", "chair", "contact"})


def kind_of(said: Said) -> str:
    """The `kind` tag of an event or reading."""
    tag = said.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


KINDS: tuple[str, ...] = tuple(sorted(str(t.__struct_config__.tag) for t in Event.__args__))
READING_KINDS = readings.KINDS


def priority_of(kind: str) -> Priority:
    """The delivery class of a kind. One that this release does not know goes first: it may be a call."""
    if kind in _P0:
        return Priority.P0
    if kind in _P2 or kind in READING_KINDS:
        return Priority.P2
    return Priority.P1 if kind in KINDS else Priority.P0


def body_of(said: Said) -> dict[str, Any]:
    """The kind's own fields, ready for the envelope's `body` (without `kind` and `phase`)."""
    fields: dict[str, Any] = msgspec.to_builtins(said)
    fields.pop("kind")
    fields.pop("phase", None)
    return fields


def said_from(kind: str, phase: Phase, body: dict[str, Any]) -> Said:
    """The typed event or reading of a wire triple; fields of the body that this release does not know are passed over.

    Raises DecodeError naming the field.
    """
    if kind not in KINDS and kind not in READING_KINDS:
        raise DecodeError("kind", f"{kind!r} is not a known kind")
    try:
        said: Said = msgspec.convert({**body, "kind": kind, "phase": phase.value}, Said)
    except msgspec.ValidationError as error:
        raise DecodeError(f"body of {kind}", str(error)) from error
    return said
