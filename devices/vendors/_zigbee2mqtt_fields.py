"""What the fields of a Zigbee2MQTT state mean: tables from field to kind, and functions over one value.

Zigbee2MQTT repeats every field but `action` in all later messages, so a field is a level: only its change says
something. Must never read a value by guess: what is in no table is `unknown` for fields that call a person.
"""

from collections.abc import Mapping
from typing import Any

from devices import events
from devices.events import Event
from devices.vendors._zigbee2mqtt_actions import SAID_LENGTH
from devices.vendors._zigbee2mqtt_values import READINGS, number_of, text_of

Level = Mapping[str, str | None]
"""Text of a value -> kind that holds while the field has it; None where all is well."""

UNREAD = "unread"
"""Not a kind: the field calls people and has a value that no table knows."""

_YES, _NO = ("true", "on", "1", "yes", "alarm"), ("false", "off", "0", "no", "normal", "none", "clear")


def _flag(kind: str, *, inverted: bool = False) -> Level:
    yes, no = (_NO, _YES) if inverted else (_YES, _NO)
    return {**dict.fromkeys(yes, kind), **dict.fromkeys(no)}


def _zone(name: str, kind: str) -> dict[str, Level]:
    """An IAS zone; devices with both alarm bits have one field for each."""
    return {field: _flag(kind) for field in (name, f"{name}_alarm", f"{name}_alarm_1", f"{name}_alarm_2")}


_FAULT: Level = {**dict.fromkeys(_YES, "fault"), **dict.fromkeys(("", "ok", "idle", *_NO)), "fault": "fault"}
_SELF_TEST: Level = {
    "checking": "test",
    **dict.fromkeys(("check_success", "check success", "success", "others", "idle", "normal", "none", "")),
    **dict.fromkeys(("check_failure", "check failure", "failure"), "fault"),
}
_POSTURES = ("unoccupied", "occupied", "sitting", "on_the_bed", "low_posture")

CALLING: Mapping[str, Level] = {
    **_zone("sos", "sos"),
    "fall_status": {"normal": None, "none": None, "fall_warning": "fall_warning", "fall_alarm": "fall", "fall": "fall"},
    "fall_down_status": {"none": None, "normal": None, "maybe_fall": "fall_warning", "fall": "fall"},
    "fall": _flag("fall"),
    "fall_detected": _flag("fall"),
    **_zone("smoke", "smoke"),
    "smoke_state": {**_flag("smoke"), "detecting": None, "unknown": None},
    **_zone("gas", "gas"),
    "gas_state": _flag("gas"),
    "gas_sensor_state": _flag("gas"),
    **_zone("carbon_monoxide", "co"),
    "co_alarm": _flag("co"),
    "co_state": _flag("co"),
    **_zone("heat", "heat"),
}
"""Fields that call people: a value outside the table is UNREAD."""

OTHER: Mapping[str, Level] = {
    # a posture sensor's own field; other devices use the same word for other things
    "status": {**dict.fromkeys(_POSTURES), **dict.fromkeys(("falling", "fallen", "fall"), "fall")},
    "co": {"true": "co", "false": None},  # a number here is a concentration, not an alarm
    **_zone("water_leak", "water_leak"),
    "water": {"true": "water_leak", "false": None},  # a number here is a volume
    "active_water_leak": _flag("water_leak"),
    "water_leakage_state": {"water_leakage_yes": "water_leak", "water_leakage_no": None},
    "water_warning": _flag("water_leak"),
    "tamper": _flag("tamper"),
    "tamper_alarm": _flag("tamper"),
    "battery_low": _flag("battery_low"),
    "battery_state": {"low": "battery_low", **dict.fromkeys(("middle", "medium", "normal", "high"))},
    "battery_level": {"low": "battery_low", **dict.fromkeys(("middle", "medium", "normal", "high"))},
    "battery_defect": _flag("fault"),
    "trouble": _flag("fault"),
    "fault": _FAULT,
    "fault_alarm": _FAULT,
    "device_fault": _FAULT,
    "ac_status": _flag("mains_lost"),  # IAS bit 7: the supply is at fault
    "ac_connected": _flag("mains_lost", inverted=True),
    "test": _flag("test"),
    "testing": _flag("test"),
    "test_in_progress": _flag("test"),
    "self_test": _SELF_TEST,
    "self_test_result": _SELF_TEST,
    "test_alarm_result": _SELF_TEST,
    # an IAS zone that does not say what it guards (see `says_siren`)
    **{
        field: {"true": UNREAD, "alarm": UNREAD, "false": None, "idle": None}
        for field in ("alarm", "alarm_1", "alarm_2")
    },
}

LEVELS: Mapping[str, Level] = {**CALLING, **OTHER}

TEST_FIELDS = ("test", "testing", "test_in_progress")
TESTED = frozenset({"smoke", "gas", "co", "heat", "water_leak"})
"""What a detector's self-test sets off. SOS and falls are not here: a flag beside a call must not hide it."""

NEVER_CLEARED = frozenset({"sos", "test", UNREAD})

_SIREN_FIELDS = frozenset({"volume", "melody", "duration", "ringtone", "warning", "alarm_volume", "alarm_ringtone",
                           "alarm_melody", "alarm_time", "alarm_mode", "max_duration", "silence_siren"})  # fmt: skip

_RADAR_FIELDS = frozenset({"presence", "presence_state", "presence_event", "presence_time", "presence_delay",
                           "presence_timeout", "presence_sensitivity", "motion_state", "human_motion_state", "movement",
                           "sensor_status", "fall_status", "fall_down_status", "target_distance", "detection_distance",
                           "radar_sensitivity", "breathing_rate"})  # fmt: skip

_PRESENT = {**dict.fromkeys(_YES, "present"), **dict.fromkeys((*_NO, "absent"), "absent"),
            **dict.fromkeys(("presence", "present", "large", "medium", "small", "static", "active", "far", "near"),
                            "present")}  # fmt: skip
_BED = {**dict.fromkeys(("true", "sit", "sedentary", "occupied"), "occupied"),
        **dict.fromkeys(("false", "none", "empty"), "empty")}  # fmt: skip
_POSTURE_PRESENT = {**dict.fromkeys((*_POSTURES, "falling", "fallen", "fall"), "present"), "unoccupied": "absent"}
_ACTIVE = {**dict.fromkeys(_YES, "active"), **dict.fromkeys(_NO, "still")}

STATES: Mapping[str, tuple[tuple[str, Mapping[str, str]], ...]] = {
    "contact": (
        ("contact", {"false": "open", "off": "open", "open": "open", "true": "closed", "on": "closed",
                     "close": "closed", "closed": "closed"}),
        ("contact_alarm_1", {"false": "open", "true": "closed"}),
    ),
    "presence": (
        ("presence", _PRESENT),
        ("presence_state", _PRESENT),
        ("motion_state", _PRESENT),
        ("human_motion_state", _PRESENT),
        ("status", _POSTURE_PRESENT),
    ),
    # a mat's pressure is a boolean; a number is the weather's
    "bed": (("pressure", _BED), ("pressure_state", _BED), ("bed_occupancy", _BED), ("bed", _BED), ("in_bed", _BED)),
    "motion": (("motion", _ACTIVE), ("occupancy_alarm_1", _ACTIVE)),
}  # fmt: skip
"""Kind -> the fields that say it, the surest first, with the state for each value."""


def condition(field: str, value: Any, *, posture: bool) -> tuple[bool, str | None]:
    """Whether the field could be read, and the kind that holds now (None: all is well).

    `posture`: the device is known to use `status` for what a person does.
    """
    text = text_of(value)
    if text is None:
        return False, None
    level = LEVELS[field]
    if text in level:
        return True, level[text]
    if field in CALLING and text != "" and not _is_measure(field, value):
        return True, UNREAD
    if field == "status" and (posture or text.startswith("unknown (")):
        return True, UNREAD
    return (True, "fault") if level is _FAULT else (False, None)


def _is_measure(field: str, value: Any) -> bool:
    """Gas and smoke fields of some air monitors carry a concentration."""
    return field in ("gas", "smoke", "carbon_monoxide") and isinstance(value, int | float)


def says_siren(content: Mapping[str, Any]) -> bool:
    """A siren's `alarm` says that it sounds, which we may have asked of it ourselves."""
    return not _SIREN_FIELDS.isdisjoint(content)


def says_radar(content: Mapping[str, Any]) -> bool:
    """A radar's `occupancy` is presence; a PIR's is motion."""
    return not _RADAR_FIELDS.isdisjoint(content)


def state_of(kind: str, content: Mapping[str, Any]) -> str | None:
    """The state of `kind` that the surest readable field gives."""
    found = (states.get(text_of(content[f]) or "") for f, states in STATES[kind] if f in content)
    return next((state for state in found if state is not None), None)


def occupancy_of(content: Mapping[str, Any], kind: str) -> str | None:
    """`occupancy` as the state of `motion` or `presence`."""
    states = _PRESENT if kind == "presence" else _ACTIVE
    return states.get(text_of(content.get("occupancy")) or "")


def event_of(kind: str, said: str, content: Mapping[str, Any]) -> Event:
    """The event of a condition that began; `said` is the field with its value, for kinds that quote."""
    match kind:
        case "unread":
            return events.Unknown(said=said[:SAID_LENGTH])
        case "fault":
            return events.Fault(said=said[:SAID_LENGTH])
        case "battery_low":
            percent = number_of(content.get("battery"))
            return events.BatteryLow(percent=percent if percent is not None and 0 <= percent <= 100 else None)
        case _:
            return events.said_from(kind, events.Phase.RAISE, {})  # type: ignore[return-value]  # levels are events


ATTRIBUTES = frozenset(LEVELS) | frozenset(READINGS) | {f for s in STATES.values() for f, _ in s} | {
    "occupancy", "last_seen", "voltage", "update", "device_temperature", "power_outage_count", "device",
    "supervision_reports", "restore_reports", "sensor_status", "target_distance", "movement", "presence_event",
}  # fmt: skip
"""Fields that have a topic of their own where `output` is `attribute`."""
