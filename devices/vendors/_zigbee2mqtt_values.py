"""Single values of a Zigbee2MQTT state: text, numbers, readings, times. Must never make a bad value a good one."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from devices import readings
from devices.readings import NoReading, Reading
from devices.vendors._plausible import checked
from devices.vendors._zigbee2mqtt_actions import SAID_LENGTH


def text_of(value: Any) -> str | None:
    """The value as a table's key; None for null and for structures."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()[:SAID_LENGTH]


def number_of(value: Any) -> float | None:
    """A finite number, also from the text that attribute topics carry."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


READINGS: Mapping[str, tuple[str, Callable[[float], Reading]]] = {
    "heart_rate": ("heart_rate", lambda v: readings.HeartRate(value=v)),
    "spo2": ("spo2", lambda v: readings.Spo2(value=v)),
    "blood_oxygen": ("spo2", lambda v: readings.Spo2(value=v)),
    "breathing_rate": ("respiration", lambda v: readings.Respiration(value=v)),
    "respiration_rate": ("respiration", lambda v: readings.Respiration(value=v)),
    "body_temperature": ("temperature", lambda v: readings.Temperature(value=v)),
    "temperature": ("room_temperature", lambda v: readings.RoomTemperature(value=v)),
    "local_temperature": ("room_temperature", lambda v: readings.RoomTemperature(value=v)),
    "humidity": ("humidity", lambda v: readings.Humidity(value=v)),
    "illuminance_lux": ("illuminance", lambda v: readings.Illuminance(value=v)),
    "illuminance": ("illuminance", lambda v: readings.Illuminance(value=v)),
    "battery": ("battery", lambda v: readings.Battery(value=v)),
    "linkquality": ("signal", lambda v: readings.Signal(value=v, unit="lqi")),
}
"""Field -> kind and maker. Of two fields of one kind the first here counts (`illuminance` was raw where there was
`illuminance_lux`)."""


def readings_of(content: Mapping[str, Any]) -> dict[str, Reading]:
    """Every reading of the content by kind. Null and empty are nothing; what is no number is `no_reading`."""
    found: dict[str, Reading] = {}
    for field, (kind, make) in READINGS.items():
        value = content.get(field)
        if value is None or value == "" or kind in found:
            continue
        number = number_of(value)
        if number is None:
            found[kind] = NoReading(of=kind, reason="impossible", said=text_of(value))
        else:
            found[kind] = checked(make(number))
    return found


_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]")


def last_seen_of(value: Any) -> datetime | None:
    """The three formats of `last_seen` (ISO_8601, ISO_8601_local, epoch in ms); None for anything that is no time."""
    moment: datetime | None = None
    number = number_of(value)
    try:
        if number is not None:
            moment = datetime.fromtimestamp(number / 1000 if abs(number) > 1e11 else number, UTC)
        elif isinstance(value, str) and _ISO.match(value):
            moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    if moment is None or moment.tzinfo is None or not 2000 < moment.year < 2100:
        return None
    return moment
