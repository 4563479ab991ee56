"""MQTT by paho-mqtt, driven directly by the event loop (docs/adr): one client object per connection, no thread."""

import asyncio
import random
import socket
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from uuid_utils import uuid4

from server.config import BrokerSettings
from server.ingest.transport import Receive

log = structlog.get_logger()

UP = "anhu/v1/+/up/+"
KEEPALIVE_S = 15
MAX_PAUSE_S = 5.0


class MqttTransport:
    """Keeps one subscribed connection to the centre's broker.

    The files that the settings name are read now and never again: one that is missing is a StartError, and one that
    goes missing later cannot end a running centre at a reconnect.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._secret, self._tls = settings.secret(), settings.tls_context()
        self._client: paho.Client | None = None
        self._connected = False
        self.subscribed = asyncio.Event()
        """Set at the first subscription; the process is ready then."""

    @property
    def connected(self) -> bool:
        """Subscribed, as far as is known."""
        return self._connected

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1 if connected, else dropped."""
        if self._client is not None and self._connected:
            self._client.publish(topic, payload, qos=1)

    async def run(self, receive: Receive) -> None:
        """Until cancelled. Pauses between attempts are jittered so that no two servers knock together."""
        tries = 0
        while True:
            connection = _Connection(self._settings, self._secret, self._tls, receive)
            try:
                await connection.open()
                self._client, self._connected, tries = connection.client, True, 0
                self.subscribed.set()
                log.info("broker connected", url=self._settings.url)
                await connection.gone.wait()
                log.error("broker connection lost", url=self._settings.url, reason=connection.reason)
            except (OSError, ConnectionRefusedError) as error:
                log.error("broker not reached", url=self._settings.url, reason=str(error))
            finally:
                self._client, self._connected = None, False
                connection.close()
            tries += 1
            await asyncio.sleep(random.uniform(0.1, min(MAX_PAUSE_S, 0.5 * 2**tries)))  # noqa: S311 - jitter


class _Connection:
    """One connection, from CONNECT until it is gone."""

    def __init__(
        self, settings: BrokerSettings, secret: str | None, tls: ssl.SSLContext | None, receive: Receive
    ) -> None:
        self._url = urlsplit(settings.url)
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._socket: socket.socket | None = None
        self._misc: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        self.reason = ""
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"anhu-server-{uuid4().hex[:12]}", protocol=paho.MQTTv311
        )
        self.client.username_pw_set(settings.username, secret)
        if tls is not None:
            self.client.tls_set_context(tls)
        self.client.max_inflight_messages_set(1000)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.on_disconnect = self._on_disconnect
        self.client.on_socket_close = self._let_go
        self.client.on_socket_register_write = self._want_write
        self.client.on_socket_unregister_write = self._no_write

    async def open(self) -> None:
        """Connected and subscribed; raises OSError with the broker's reason otherwise."""
        host, port = (
            self._url.hostname or "127.0.0.1",
            self._url.port or (8883 if self._url.scheme == "mqtts" else 1883),
        )
        # The TCP and TLS handshakes block; everything after them is driven by the loop.
        await asyncio.to_thread(self.client.connect, host, port, KEEPALIVE_S)
        found = self.client.socket()
        if not isinstance(found, socket.socket):
            raise OSError("connection closed at once")
        self._socket = found
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or an acknowledgement waits some 40 ms
        self._loop.add_reader(found, self._read)
        if self.client.want_write():
            self._add_writer()
        self._misc = asyncio.create_task(self._keep_alive())
        async with asyncio.timeout(10):
            await self._answer

    def close(self) -> None:
        """Let go of everything, whatever the state."""
        if self._misc is not None:
            self._misc.cancel()
        self.client.on_disconnect = None
        with suppress(OSError, ValueError):
            self.client.disconnect()
        if (ours := self._socket) is not None:
            self._let_go(self.client, None, ours)
            ours.close()
        if self._answer.done() and not self._answer.cancelled():
            self._answer.exception()

    def _read(self) -> None:
        """One message, and all that TLS has already taken from the socket: the loop would not tell us of it again."""
        self.client.loop_read()
        while isinstance(self._socket, ssl.SSLSocket) and not self.gone.is_set() and self._socket.pending():
            self.client.loop_read()

    async def _keep_alive(self) -> None:
        """paho asks to be looked after about once a second; it says when the broker answers no more."""
        while not self.gone.is_set():
            if self.client.loop_misc() != paho.MQTT_ERR_SUCCESS:
                self._lost("no answer to ping")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), 1)

    def _lost(self, reason: str) -> None:
        self.reason = self.reason or reason
        if not self._answer.done():
            self._answer.set_exception(OSError(self.reason))
        self.gone.set()

    def _on_connect(
        self, client: paho.Client, _: object, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._lost(f"refused: {code}; check broker.username and broker.password")
            return
        client.subscribe(UP, qos=1)

    def _on_subscribe(
        self, client: paho.Client, _: object, mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._lost(f"subscription to {UP} refused: check the broker's topic rules for this user")
        elif not self._answer.done():
            self._answer.set_result(None)

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        if not message.retain:  # our topics are never retained: an old alarm must not be replayed
            self._receive(message.topic, bytes(message.payload))

    def _on_disconnect(
        self, client: paho.Client, _: object, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._lost(str(code))

    def _let_go(self, client: paho.Client, _: object, sock: Any) -> None:
        """Just before the socket is closed: a closed one the loop could not forget any more."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    def _want_write(self, client: paho.Client, _: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._add_writer)

    def _add_writer(self) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self.client.loop_write)

    def _no_write(self, client: paho.Client, _: object, sock: Any) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
