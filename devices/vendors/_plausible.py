"""Which measured values can be true at all: zero vitals and impossible values become `no_reading`, never a value.

The limits only separate a measurement from a placeholder; they never judge health.
"""

from dataclasses import dataclass

from devices import readings
from devices.events import kind_of
from devices.readings import NoReading, Reading


@dataclass(frozen=True, slots=True)
class _Limits:
    low: float
    high: float
    zero_means_none: bool = False  # a body has no zero of it: the device had no contact or no result


_LIMITS = {
    "heart_rate": _Limits(0, 350, zero_means_none=True),
    "spo2": _Limits(0, 100, zero_means_none=True),
    "respiration": _Limits(0, 150, zero_means_none=True),
    "temperature": _Limits(10, 50, zero_means_none=True),
    "room_temperature": _Limits(-80, 200),
    "humidity": _Limits(0, 100),
    "illuminance": _Limits(0, 500_000),
    "battery": _Limits(0, 100),
}
_SIGNAL = {"lqi": _Limits(0, 255), "dBm": _Limits(-200, 50), "%": _Limits(0, 100)}
_PRESSURE = _Limits(1, 400)


def checked(reading: Reading) -> Reading:
    """The reading itself, or the `no_reading` that it really is."""
    match reading:
        case readings.BloodPressure():
            return _pressure(reading)
        case readings.Signal():
            return _within(reading, reading.value, _SIGNAL[reading.unit])
        case readings.Position():
            good = -90 <= reading.lat <= 90 and -180 <= reading.lon <= 180
            return reading if good else NoReading(of="position", reason="impossible")
        case readings.Steps():
            return reading if reading.value >= 0 else _none(reading, "impossible", reading.value)
        case readings.Acceleration() | readings.NoReading():
            return reading
        case _:
            return _within(reading, reading.value, _LIMITS[kind_of(reading)])


def _pressure(reading: readings.BloodPressure) -> Reading:
    said = f"{reading.systolic:g}/{reading.diastolic:g}"
    if reading.systolic == 0 or reading.diastolic == 0:
        return NoReading(of="blood_pressure", reason="zero", said=said)
    low, high = _PRESSURE.low, _PRESSURE.high
    if low <= reading.diastolic <= reading.systolic <= high:
        return reading
    return NoReading(of="blood_pressure", reason="impossible", said=said)


def _within(reading: Reading, value: float, limits: _Limits) -> Reading:
    if value == 0 and limits.zero_means_none:
        return _none(reading, "zero", value)
    if limits.low <= value <= limits.high:
        return reading
    return _none(reading, "impossible", value)


def _none(reading: Reading, reason: str, said: float) -> NoReading:
    return NoReading(of=kind_of(reading), reason="zero" if reason == "zero" else "impossible", said=said)
