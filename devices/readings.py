"""What a device can measure. Every reading carries its unit; zero and off-wrist are `no_reading`, never a value."""

from typing import Literal

import msgspec


class _Reading(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    phase: Literal["update"] = "update"


class HeartRate(_Reading, frozen=True, kw_only=True, tag="heart_rate"):
    value: float
    unit: Literal["/min"] = "/min"


class Spo2(_Reading, frozen=True, kw_only=True, tag="spo2"):
    value: float
    unit: Literal["%"] = "%"


class BloodPressure(_Reading, frozen=True, kw_only=True, tag="blood_pressure"):
    systolic: float
    diastolic: float
    unit: Literal["mmHg"] = "mmHg"


class Temperature(_Reading, frozen=True, kw_only=True, tag="temperature"):
    """Of the body."""

    value: float
    unit: Literal["Cel"] = "Cel"


class RoomTemperature(_Reading, frozen=True, kw_only=True, tag="room_temperature"):
    value: float
    unit: Literal["Cel"] = "Cel"


class Respiration(_Reading, frozen=True, kw_only=True, tag="respiration"):
    value: float
    unit: Literal["/min"] = "/min"


class Steps(_Reading, frozen=True, kw_only=True, tag="steps"):
    """Since midnight or since power-on, as the device counts."""

    value: int
    unit: Literal["steps"] = "steps"


class Position(_Reading, frozen=True, kw_only=True, tag="position"):
    """WGS 84."""

    lat: float
    lon: float
    unit: Literal["deg"] = "deg"
    accuracy_m: float | None = None
    age_s: float | None = None


class Battery(_Reading, frozen=True, kw_only=True, tag="battery"):
    value: float
    unit: Literal["%"] = "%"


class Signal(_Reading, frozen=True, kw_only=True, tag="signal"):
    """Radio quality as the ecosystem gives it: `lqi` 0..255, `dBm`, or `%`."""

    value: float
    unit: Literal["lqi", "dBm", "%"]


class Humidity(_Reading, frozen=True, kw_only=True, tag="humidity"):
    value: float
    unit: Literal["%"] = "%"


class Illuminance(_Reading, frozen=True, kw_only=True, tag="illuminance"):
    value: float
    unit: Literal["lx"] = "lx"


class Acceleration(_Reading, frozen=True, kw_only=True, tag="acceleration"):
    """Standard gravity."""

    x: float
    y: float
    z: float
    unit: Literal["g"] = "g"


class NoReading(_Reading, frozen=True, kw_only=True, tag="no_reading"):
    """The device spoke of `of` and had no value; `reason` is kept so that nobody takes silence for health."""

    of: str
    reason: Literal["zero", "off_wrist", "impossible", "no_contact"]
    said: float | str | None = None


Reading = (
    HeartRate | Spo2 | BloodPressure | Temperature | RoomTemperature | Respiration | Steps | Position
    | Battery | Signal | Humidity | Illuminance | Acceleration | NoReading
)  # fmt: skip

KINDS: frozenset[str] = frozenset(str(t.__struct_config__.tag) for t in Reading.__args__)
