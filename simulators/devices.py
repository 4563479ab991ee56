"""What invented devices say, as real ones say it. Pure: nothing here connects, waits or looks at a clock."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

NATIVE_BASE = "anhu/device/v1"
ZIGBEE_BASE = "zigbee2mqtt"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message. QoS 1 as an installer sets it (Zigbee2MQTT's own default is 0, and then a press can get lost)."""

    topic: str
    payload: bytes
    qos: int = 1


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class SosButton:
    """A Tuya TS0215A on Zigbee2MQTT: each press is said three times, the second time as an empty action."""

    name: str
    base: str = ZIGBEE_BASE
    battery: int = 87
    linkquality: int = 112

    @property
    def topic(self) -> str:
        return f"{self.base}/{self.name}"

    def _state(self, **said: object) -> bytes:
        return _json({**said, "battery": self.battery, "linkquality": self.linkquality})

    def press(self) -> tuple[Spoken, ...]:
        return (
            Spoken(self.topic, self._state(action="emergency")),
            Spoken(self.topic, self._state(action="")),
            Spoken(f"{self.topic}/action", b"emergency"),
        )

    def battery_low(self) -> tuple[Spoken, ...]:
        self.battery = 4
        return (Spoken(self.topic, self._state(battery_low=True)),)


@dataclass(slots=True)
class FallRadar:
    """A HEIMAN HS2FD under the ceiling: one message for every change, each repeating all that it knows."""

    name: str
    base: str = ZIGBEE_BASE
    _known: dict[str, Any] = field(
        default_factory=lambda: {
            "fall_status": "normal",
            "illuminance": 160,
            "linkquality": 255,
            "occupancy": True,
            "sensor_status": "activity",
        }
    )

    def _said(self, **changed: object) -> Spoken:
        self._known.update(changed)
        return Spoken(f"{self.base}/{self.name}", _json(self._known))

    def fall(self) -> tuple[Spoken, ...]:
        """The alarm, and two later messages about other things that still carry it."""
        return (
            self._said(fall_status="fall_alarm", sensor_status="none"),
            self._said(illuminance=158),
            self._said(linkquality=251),
        )

    def normal(self) -> tuple[Spoken, ...]:
        return (self._said(fall_status="normal", sensor_status="activity"),)


@dataclass(slots=True)
class RoomSensors:
    """A door contact and a motion sensor: the noise of an ordinary day."""

    base: str = ZIGBEE_BASE
    door: str = "door_front"
    motion: str = "motion_hall"

    def passing_by(self) -> tuple[Spoken, ...]:
        return (
            Spoken(f"{self.base}/{self.motion}", _json({"battery": 91, "linkquality": 140, "occupancy": True})),
            Spoken(f"{self.base}/{self.motion}", _json({"battery": 91, "linkquality": 140, "occupancy": False})),
        )

    def door_opened_and_closed(self) -> tuple[Spoken, ...]:
        return (
            Spoken(f"{self.base}/{self.door}", _json({"battery": 76, "contact": False, "linkquality": 98})),
            Spoken(f"{self.base}/{self.door}", _json({"battery": 76, "contact": True, "linkquality": 98})),
        )


@dataclass(frozen=True, slots=True)
class NativeMessage:
    """A message with an id of its own, sent again until that id is acknowledged."""

    id: str
    spoken: Spoken


@dataclass(slots=True)
class Wristband:
    """A wristband that speaks the native protocol (docs/native-device.md)."""

    name: str
    base: str = NATIVE_BASE
    battery: int = 68
    steps: int = 1204
    random: Random = field(default_factory=lambda: Random(1943))  # noqa: S311 - a wearer's day, not a secret

    @property
    def ack_topic(self) -> str:
        return f"{self.base}/{self.name}/ack"

    def _message(self, kind: str, body: dict[str, Any] | None = None, **more: object) -> NativeMessage:
        id_ = str(uuid4())
        said = {"v": 1, "id": id_, "kind": kind, **({"body": body} if body else {}), **more}
        return NativeMessage(id_, Spoken(f"{self.base}/{self.name}/up", _json(said)))

    def sos(self, mode: str = "actual") -> NativeMessage:
        return self._message("sos", {"press": "long"}, mode=mode)

    def fall(self, confidence: float = 0.93) -> NativeMessage:
        return self._message("fall", {"confidence": confidence})

    def cancel(self, cause: str) -> NativeMessage:
        """The wearer says within the window that nothing happened."""
        return self._message("cancel", cause=cause)

    def battery_low(self) -> NativeMessage:
        self.battery = 9
        return self._message("battery_low", {"percent": self.battery})

    def vitals(self) -> Iterator[NativeMessage]:
        """What it measures every few minutes."""
        self.steps += self.random.randrange(40)
        yield self._message("heart_rate", {"value": self.random.randint(64, 82)})
        yield self._message("spo2", {"value": self.random.randint(95, 98)})
        yield self._message("steps", {"value": self.steps})
        yield self._message("battery", {"value": self.battery})
