"""One home: devices that speak on its broker, and a speaker that hears the three confirmations.

Knows nothing of the gateway's or the centre's inside: it publishes what devices publish and listens where they listen.
"""

import asyncio
import contextlib
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

import aiomqtt

from simulators.devices import FallRadar, NativeMessage, RoomSensors, SosButton, Spoken, Wristband

FEEDBACK_TOPIC = "anhu/home/v1/feedback"

_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""A small message leaves now, and does not wait until the one before it was acknowledged."""

Stage = Literal["stored", "centre", "person", "delayed"]


@dataclass(slots=True)
class Call:
    """Something a resident did, and when the home heard what became of it. Times are seconds since 1970."""

    device: str
    kind: str
    pressed_at: float
    event_id: str | None = None  # known at once for native devices, else from the first confirmation
    names_itself: bool = False  # native: the device made the id
    heard_at: dict[str, float] = field(default_factory=dict)  # by stage
    repeats: int = 0  # confirmations "stored" beyond the first


@dataclass(frozen=True, slots=True)
class HomeDevices:
    """What an installer put into this home, by the names the gateway knows."""

    button: SosButton = field(default_factory=lambda: SosButton("sos_bath"))
    radar: FallRadar = field(default_factory=lambda: FallRadar("fall_bedroom"))
    wristband: Wristband = field(default_factory=lambda: Wristband("wristband"))
    sensors: RoomSensors = field(default_factory=RoomSensors)


class Home:
    """Use `Home.at(…)`. Every act is published with QoS 1; the wristband repeats itself until acknowledged."""

    def __init__(self, bridge: aiomqtt.Client, wrist: aiomqtt.Client, resend_s: float) -> None:
        self.devices = HomeDevices()
        self.calls: list[Call] = []
        self.feedback: list[dict[str, object]] = []
        self.heard: Callable[[Call, str], None] = lambda _call, _stage: None
        self._bridge = bridge
        self._wrist = wrist
        self._resend_s = resend_s
        self._acked: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()
        self._resending: asyncio.TaskGroup

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, host: str, port: int, resend_s: float = 2.0) -> AsyncIterator["Home"]:
        """A home whose broker is at host and port; leaves it when the context ends."""
        async with (
            aiomqtt.Client(host, port, identifier="zigbee2mqtt", socket_options=_AT_ONCE) as bridge,
            aiomqtt.Client(host, port, identifier="wristband", socket_options=_AT_ONCE) as wrist,
            aiomqtt.Client(host, port, identifier="speaker", socket_options=_AT_ONCE) as speaker,
        ):
            home = cls(bridge, wrist, resend_s)
            await wrist.subscribe(home.devices.wristband.ack_topic, qos=1)
            await speaker.subscribe(FEEDBACK_TOPIC, qos=1)
            async with asyncio.TaskGroup() as tasks:
                home._resending = tasks
                listeners = [tasks.create_task(home._hear_acks()), tasks.create_task(home._hear_feedback(speaker))]
                try:
                    yield home
                finally:
                    for listener in listeners:
                        listener.cancel()
                    for acked in home._acked.values():
                        acked.set()

    # --- what the resident does ---------------------------------------------------------------------------------------
    async def press_button(self) -> Call:
        """Pulls the cord in the bathroom."""
        return await self._zigbee_call("sos", self.devices.button.name, self.devices.button.press())

    async def press_wristband(self, mode: str = "actual") -> Call:
        """Holds the wristband's key."""
        return await self._native_call("sos", self.devices.wristband.sos(mode))

    async def fall_seen_by_radar(self) -> Call:
        """Falls where the radar sees it."""
        return await self._zigbee_call("fall", self.devices.radar.name, self.devices.radar.fall())

    async def fall_felt_by_wristband(self) -> Call:
        """Falls; the wristband notices."""
        return await self._native_call("fall", self.devices.wristband.fall())

    async def cancel(self, call: Call) -> Call:
        """Says on the wristband that it was nothing."""
        assert call.event_id is not None, "only a call of a native device can be named"
        return await self._native_call("cancel", self.devices.wristband.cancel(call.event_id))

    async def ordinary_minute(self) -> None:
        """Somebody walks about; the wristband measures."""
        for spoken in (*self.devices.sensors.passing_by(), *self.devices.sensors.door_opened_and_closed()):
            await self._publish(self._bridge, spoken)
        for message in self.devices.wristband.vitals():
            await self._send_native(message)

    async def battery_low(self) -> None:
        """The wristband wants to be charged."""
        await self._send_native(self.devices.wristband.battery_low())

    async def stand_up(self) -> None:
        """The radar sees that nobody lies on the floor."""
        for spoken in self.devices.radar.normal():
            await self._publish(self._bridge, spoken)

    # --- what the home hears ------------------------------------------------------------------------------------------
    async def until(self, happened: Callable[[], bool], within_s: float) -> None:
        """Waits until `happened()`, looked at after every confirmation. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(happened)

    async def until_acknowledged(self, within_s: float) -> None:
        """Waits until the wristband has nothing left to repeat. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            await asyncio.gather(*(acked.wait() for acked in self._acked.values()))

    async def _hear_acks(self) -> None:
        async for message in self._wrist.messages:
            for id_ in json.loads(bytes(message.payload)).get("ids", []):
                if id_ in self._acked:
                    self._acked[id_].set()

    async def _hear_feedback(self, speaker: aiomqtt.Client) -> None:
        async for message in speaker.messages:
            now = time.time()
            said = json.loads(bytes(message.payload))
            self.feedback.append(said)
            if (call := self._call_of(said)) is not None:
                stage = str(said["stage"])
                if stage == "stored" and stage in call.heard_at:
                    call.repeats += 1
                call.heard_at.setdefault(stage, now)
                self.heard(call, stage)
            async with self._changed:
                self._changed.notify_all()

    def _call_of(self, said: dict[str, object]) -> Call | None:
        for call in reversed(self.calls):
            if call.event_id == said["id"]:
                return call
        for call in self.calls:
            if call.event_id is None and (call.device, call.kind) == (said["device"], said["kind"]):
                call.event_id = str(said["id"])
                return call
        return None

    # --- how it is said -----------------------------------------------------------------------------------------------
    async def _zigbee_call(self, kind: str, device: str, said: tuple[Spoken, ...]) -> Call:
        call = Call(device, kind, time.time())
        self.calls.append(call)
        for spoken in said:
            await self._publish(self._bridge, spoken)
        return call

    async def _native_call(self, kind: str, message: NativeMessage) -> Call:
        call = Call(self.devices.wristband.name, kind, time.time(), event_id=message.id, names_itself=True)
        self.calls.append(call)
        await self._send_native(message)
        return call

    async def _send_native(self, message: NativeMessage) -> None:
        acked = self._acked[message.id] = asyncio.Event()
        await self._publish(self._wrist, message.spoken)
        self._resending.create_task(self._resend(message, acked))

    async def _resend(self, message: NativeMessage, acked: asyncio.Event) -> None:
        while True:
            try:
                await asyncio.wait_for(acked.wait(), self._resend_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            except TimeoutError:
                await self._publish(self._wrist, message.spoken)
                continue
            break
        del self._acked[message.id]

    @staticmethod
    async def _publish(client: aiomqtt.Client, spoken: Spoken) -> None:
        await client.publish(spoken.topic, spoken.payload, qos=spoken.qos)
