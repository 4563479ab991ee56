"""The home's broker: a session that outlives us, acknowledged by hand after the commit. Never acknowledges early."""

import asyncio
from collections import deque

import aiomqtt
import structlog

from gateway.clock import Clock
from gateway.config import LocalSettings
from gateway.ingest import Ingest
from gateway.link import connected, reconnect_delay, wrong_credentials
from gateway.mqtt import Connection

log = structlog.get_logger()

PROOF_S = 30.0
"""How often the broker is asked something, only because its answer proves that it read our acknowledgements."""

_LONGEST_S = 5.0
_BARRIER = "anhu/home/v1/barrier"
_SAY_WITHIN_S = 120.0
"""What could not be said while the broker was away is said late, but not this late."""


class LocalBus:
    """One connection at a time, for ever."""

    def __init__(self, clock: Clock, settings: LocalSettings, identifier: str, filters: list[str]) -> None:
        self._clock = clock
        self._settings = settings
        self._identifier = identifier
        self._filters = filters
        self._connection: Connection | None = None
        self._backlog: deque[tuple[float, str, bytes]] = deque(maxlen=256)
        self.ready = asyncio.Event()  # subscribed
        self.down = asyncio.Event()  # not so
        self.down.set()
        self.subscribed_once = asyncio.Event()

    def publish(self, topic: str, payload: bytes) -> None:
        """Says it now, or when the broker is back."""
        if not self._send(topic, payload):
            self._backlog.append((self._clock.mono(), topic, payload))

    async def publish_surely(self, topic: str, payload: bytes) -> None:
        """Returns when the broker has it; raises MqttError when it has not."""
        connection = self._connection
        if connection is None or not connection.alive:
            raise aiomqtt.MqttError("not connected to the home's broker")
        await connection.publish(topic, payload, qos=1)

    def _send(self, topic: str, payload: bytes) -> bool:
        if self._connection is None or not self._connection.alive:
            return False
        try:
            self._connection.send(topic, payload)
        except aiomqtt.MqttError:
            return False
        return True

    async def run(self, ingest: Ingest) -> None:
        attempt = 0
        while True:
            try:
                async with connected(self._new_connection(ingest)) as connection:
                    attempt = 0
                    await self._serve(connection, ingest)
            except aiomqtt.MqttError as error:
                attempt += 1
                if wrong_credentials(error):
                    log.error("local_refused", error=str(error), hint="check [local] username and password")
                else:
                    log.warning("local_unreachable", error=str(error), host=self._settings.host)
            finally:
                self._connection = None
                self.ready.clear()
                self.down.set()
            await self._clock.sleep(reconnect_delay(attempt, longest_s=_LONGEST_S, urgent=True))

    def _new_connection(self, ingest: Ingest) -> Connection:
        return Connection(
            self._settings,
            identifier=self._identifier,
            username=self._settings.username,
            clean_session=False,
            on_arrival=ingest.arrived,
            on_session=ingest.session,
        )

    async def _serve(self, connection: Connection, ingest: Ingest) -> None:
        await connection.subscribe_all(self._filters)
        self._connection = connection
        self._say_backlog()
        self.ready.set()
        self.down.clear()
        self.subscribed_once.set()
        log.info("local_connected", host=self._settings.host)
        async with asyncio.TaskGroup() as tasks:
            prover = tasks.create_task(self._prove(connection, ingest))
            await connection.lost()
            prover.cancel()
        ingest.acknowledged()  # nobody can say any more whether the broker has read these
        log.warning("local_lost", host=self._settings.host)

    async def _prove(self, connection: Connection, ingest: Ingest) -> None:
        while True:
            await self._clock.sleep(PROOF_S)
            if mids := ingest.acknowledged():
                try:
                    await connection.unsubscribe(_BARRIER)
                except aiomqtt.MqttError:
                    continue
                ingest.proved(mids)

    def _say_backlog(self) -> None:
        oldest = self._clock.mono() - _SAY_WITHIN_S
        waiting, self._backlog = self._backlog, deque(maxlen=256)
        for at, topic, payload in waiting:
            if at >= oldest:
                self.publish(topic, payload)
