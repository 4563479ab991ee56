"""The connection to the centre: offers the outbox by priority until dn/ack names each event. Never gives up."""

import asyncio
from typing import Protocol

import aiomqtt
import structlog

from devices.envelope import Ack, decode_ack, down_topic, up_topic
from devices.errors import EnvelopeError
from devices.events import Priority
from gateway.clock import Clock, wait_any
from gateway.config import CentreSettings
from gateway.errors import StoreFullError
from gateway.link import connected, reconnect_delay, wrong_credentials
from gateway.mqtt import Arrival, Connection
from gateway.outbox import Acknowledged, Outbox
from gateway.schedule import Schedule

log = structlog.get_logger()

_STALLED_S = 20.0
"""A call that the broker did not confirm for this long, though sent again, takes a new connection."""

_AT_ONCE_S = 1.0
"""A call does not wait for the next attempt to connect, but attempts keep this distance."""

_MAX_PAYLOAD = 256 * 1024


class _Hears(Protocol):
    """Who is told what the centre said."""

    def acknowledged(self, result: Acknowledged) -> None: ...

    def commanded(self, payload: bytes) -> None: ...


class Uplink:
    """One connection at a time, for ever."""

    def __init__(
        self, clock: Clock, settings: CentreSettings, gateway: str, outbox: Outbox, schedule: Schedule, hears: _Hears
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._gateway = gateway
        self._outbox = outbox
        self._schedule = schedule
        self._hears = hears
        self._connection: Connection | None = None
        self._acks: asyncio.Queue[Ack] = asyncio.Queue()
        self._work = asyncio.Event()
        self._urgent = asyncio.Event()
        self.up = asyncio.Event()  # subscribed
        self.down = asyncio.Event()  # not so
        self.down.set()
        self.subscribed_once = asyncio.Event()

    def wake(self, urgent: bool) -> None:
        """There is something new in the outbox; `urgent`: a call."""
        self._work.set()
        if urgent:
            self._urgent.set()

    def publish_now(self, payload: bytes) -> bool:
        """Sends a p2 message that is worth nothing later; False when there is no connection."""
        return self._publish(Priority.P2, payload) is not None

    def _publish(self, priority: Priority, payload: bytes) -> int | None:
        if self._connection is None or not self._connection.alive:
            return None
        try:
            return self._connection.send(up_topic(self._gateway, priority), payload)
        except aiomqtt.MqttError:
            return None

    # --- the connection ---
    async def run(self) -> None:
        attempt = 0
        while True:
            self._urgent.clear()
            try:
                async with connected(self._new_connection()) as connection:
                    await connection.subscribe_all([down_topic(self._gateway, what) for what in ("ack", "cmd")])
                    attempt = 0
                    await self._serve(connection)
                    log.warning("centre_lost", host=self._settings.host)
            except aiomqtt.MqttError as error:
                self._complain(error, attempt)
                attempt += 1
            finally:
                self._connection = None
                self.up.clear()
                self.down.set()
            await self._pause(attempt)

    def _new_connection(self) -> Connection:
        return Connection(
            self._settings,
            identifier=f"anhu-gw-{self._gateway}",
            username=self._gateway,
            clean_session=True,
            on_arrival=self._arrived,
            on_puback=self._confirmed,
            keepalive=self._settings.keepalive_s,
        )

    def _complain(self, error: aiomqtt.MqttError, attempt: int) -> None:
        if wrong_credentials(error):
            log.error(
                "centre_refused",
                error=str(error),
                gateway=self._gateway,
                hint="the centre's broker does not accept this id and key: compare id and [centre] password with the "
                "account that the centre gave out; events are stored meanwhile",
            )
        else:
            log.warning("centre_unreachable", error=str(error), host=self._settings.host, attempt=attempt)

    async def _pause(self, attempt: int) -> None:
        urgent = (await self._outbox.depth()).pending.get(Priority.P0, 0) > 0
        delay = reconnect_delay(attempt, longest_s=self._settings.reconnect_max_s, urgent=urgent)
        first = min(delay, _AT_ONCE_S)
        await self._clock.sleep(first)
        if delay > first:
            await wait_any(self._clock, delay - first, self._urgent)

    # --- sending ---
    async def _serve(self, connection: Connection) -> None:
        self._connection = connection
        self._schedule.reconnected(self._clock.mono())
        self._work.set()
        self.up.set()
        self.down.clear()
        self.subscribed_once.set()
        log.info("centre_connected", host=self._settings.host)
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_all())
            lost = tasks.create_task(connection.lost())
            await asyncio.wait([sender, lost], return_when=asyncio.FIRST_COMPLETED)
            sender.cancel()
            lost.cancel()
        connection.abandon()

    async def _send_all(self) -> None:
        """Returns when the connection should be replaced."""
        while True:
            self._work.clear()
            again = await self._send_due()
            now = self._clock.mono()
            if self._schedule.stalled(now, _STALLED_S):
                log.warning("centre_stalled", seconds=_STALLED_S)
                return
            if again:
                await self._count(again)
            next_due = self._schedule.next_due()
            await wait_any(
                self._clock, None if next_due is None else max(0.0, next_due - self._clock.mono()), self._work
            )

    async def _send_due(self) -> list[bytes]:
        """Sends what is due; the ids of what was not sent for the first time."""
        again: list[bytes] = []
        for priority in Priority:
            await self._refill(priority)
            # After each refill from the top: a call that was stored meanwhile goes before more telemetry.
            for parcel in self._schedule.due(self._clock.mono()):
                mid = self._publish(parcel.priority, parcel.payload)
                if mid is None:
                    return again
                if parcel.tries:
                    again += [id.bytes for id in parcel.events]
                self._schedule.sent(parcel, mid, self._clock.mono())
        return again

    async def _refill(self, priority: Priority) -> None:
        while wanted := self._schedule.wanted(priority):
            waiting = await self._outbox.waiting(priority, self._schedule.position(priority), wanted)
            if not waiting:
                return
            self._schedule.add(priority, waiting, self._clock.mono())

    async def _count(self, ids: list[bytes]) -> None:
        try:
            await self._outbox.count_tries(ids)
        except StoreFullError as error:
            log.warning("tries_not_counted", error=str(error))

    def _confirmed(self, mid: int) -> None:
        self._schedule.reached_broker(mid)
        self._work.set()

    # --- hearing ---
    def _arrived(self, arrival: Arrival) -> None:
        # End to end acknowledgements make the broker's own ones unimportant here: give them at once.
        if arrival.token is not None:
            arrival.token.ack()
        if arrival.retained or len(arrival.payload) > _MAX_PAYLOAD:
            log.warning("ignored", topic=arrival.topic, size=len(arrival.payload), retained=arrival.retained)
        elif arrival.topic == down_topic(self._gateway, "ack"):
            try:
                self._acks.put_nowait(decode_ack(arrival.payload))
            except EnvelopeError as error:
                log.warning("bad_ack", error=str(error))
        elif arrival.topic == down_topic(self._gateway, "cmd"):
            self._hears.commanded(arrival.payload)

    async def acknowledge(self) -> None:
        """The task that writes down what the centre has; whatever came meanwhile goes into one commit."""
        while True:
            acks = [await self._acks.get()]
            while not self._acks.empty():
                acks.append(self._acks.get_nowait())
            try:
                result = await self._outbox.acknowledge([(ack.epoch, ack.ids) for ack in acks])
            except StoreFullError as error:
                # They will be sent and acknowledged again: nothing is lost, only work.
                log.error("acks_not_stored", error=str(error))
                continue
            for ack in acks:
                self._schedule.acknowledged(ack.ids)
            if result.offered_again:
                log.warning("centre_restored", offered_again=result.offered_again)
                self._schedule.rewind()
            self._hears.acknowledged(result)
            self._work.set()
