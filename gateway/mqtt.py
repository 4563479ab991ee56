"""One connection to one broker. Never reused: an acknowledgement token dies with the connection it came from.

aiomqtt has no manual acknowledgements and hides `dup`; here both are needed, so its message hook is our own.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import BrokerSettings

_IN_FLIGHT = 2000
"""paho's own window is never the narrow place: what may be in flight is decided in schedule.py."""

_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Token:
    """The right to acknowledge one message to the broker, on the connection that brought it and no other."""

    connection: "Connection"
    mid: int

    def ack(self) -> bool:
        """Sends the PUBACK. False when that connection is gone: then the broker delivers the message again."""
        return self.connection.acknowledge(self.mid)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came from a broker. `token` is None for QoS 0: nothing to acknowledge."""

    topic: str
    payload: bytes
    retained: bool
    dup: bool
    token: Token | None


class Connection(aiomqtt.Client):
    """Calls back in the order in which the broker spoke: `on_session` before any `on_arrival`."""

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        identifier: str,
        username: str | None,
        clean_session: bool,
        on_arrival: Callable[[Arrival], None],
        on_session: Callable[[bool], None] = lambda present: None,
        on_puback: Callable[[int], None] = lambda mid: None,
        keepalive: int = 60,
    ) -> None:
        try:
            secret, tls_context = broker.secret(), broker.tls_context()
        except (OSError, UnicodeDecodeError) as error:  # a file that is being changed: tried again like a lost broker
            raise aiomqtt.MqttError(f"password or certificate cannot be read: {error}") from error
        super().__init__(
            broker.host,
            broker.port,
            username=username,
            password=secret,
            identifier=identifier,
            clean_session=clean_session,
            tls_context=tls_context,
            keepalive=keepalive,
            max_inflight_messages=_IN_FLIGHT,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._client.manual_ack_set(True)
        self._arrived = on_arrival
        self._session = on_session
        self._puback = on_puback

    @property
    def alive(self) -> bool:
        """Connected and not lost since."""
        return self._connected.done() and not self._disconnected.done()

    async def lost(self) -> None:
        """Returns when the connection is gone."""
        await asyncio.wait([self._disconnected])

    def send(self, topic: str, payload: bytes) -> int:
        """Publishes with QoS 1 without waiting; the broker's answer comes as `on_puback(mid)`.

        Raises MqttError when there is no connection.
        """
        try:
            info = self._client.publish(topic, payload, qos=1)
        except ValueError as error:  # a topic longer than MQTT allows, made of a device's own name
            raise aiomqtt.MqttError(f"cannot be published: {error}") from error
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "could not publish")
        return info.mid

    def acknowledge(self, mid: int) -> bool:
        """For Token."""
        return self.alive and self._client.ack(mid, qos=1) == paho.MQTT_ERR_SUCCESS

    async def subscribe_all(self, filters: list[str]) -> None:
        """QoS 1. Raises MqttError naming the filters that the broker refuses."""
        granted = await self.subscribe([(f, 1) for f in filters], timeout=_ANSWER_S)
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        if refused := [f for f, code in zip(filters, codes, strict=True) if code >= 0x80]:
            raise aiomqtt.MqttError(f"the broker does not allow subscribing {', '.join(refused)}")

    def abandon(self) -> None:
        """Closes the socket without a word: for connections that never came up, or that no longer answer."""
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        elif not self._disconnected.cancelled():
            self._disconnected.exception()  # seen: the loop would complain of one that nobody looked at
        self._client._sock_close()

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not reason_code.is_failure:
            self._session(bool(flags.session_present))
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # An exception here would end the connection, and the same message would end the next one.
            topic = ""
        token = Token(self, message.mid) if message.qos else None
        self._arrived(Arrival(topic, bytes(message.payload), message.retain, message.dup, token))

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        super()._on_publish(client, userdata, mid, reason_code, properties)
        self._puback(mid)
