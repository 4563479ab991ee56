"""Keeps one MQTT connection up: connects, serves, waits with full jitter, connects again. Never gives up."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from gateway.mqtt import Connection

_REFUSED = frozenset({0x86, 0x87})
"""Bad user name or password, not authorised (MQTT 3.1.1's 4 and 5 as paho translates them)."""


def reconnect_delay(attempt: int, *, longest_s: float, urgent: bool) -> float:
    """Full jitter; `urgent`, because a call waits: soon, whatever the back-off."""
    ceiling = min(longest_s, 2.0 ** min(attempt, 16))
    return random.uniform(0, min(ceiling, 5.0) if urgent else ceiling)  # noqa: S311 - not a secret


def wrong_credentials(error: aiomqtt.MqttError) -> bool:
    """True when the broker said no to who we are, as against not being there."""
    if not isinstance(error, MqttConnectError) or error.rc is None:
        return False
    return (error.rc if isinstance(error.rc, int) else error.rc.value) in _REFUSED


@asynccontextmanager
async def connected(connection: Connection) -> AsyncIterator[Connection]:
    """The connection, up. Raises MqttError; leaves no socket behind, whatever happens."""
    try:
        await connection.__aenter__()
    except BaseException:
        connection.abandon()
        raise
    try:
        yield connection
    finally:
        if connection.alive:
            try:
                await connection.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                connection.abandon()
        connection.abandon()
