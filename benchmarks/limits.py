"""What this machine can do at best: the broker alone, a synced commit alone, decoding alone. In milliseconds."""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiomqtt

from devices import registry
from devices.envelope import Clock, Envelope, decode_envelopes, encode
from devices.events import Mode, Phase
from simulators.broker import SERVER_ACCOUNT, BrokerKind, prepare
from simulators.devices import SosButton
from simulators.processes import Processes, free_port

PAYLOAD = b"x" * 400
"""About the size of an SOS in its envelope."""


async def through_broker(folder: Path, kind: BrokerKind, times: int) -> list[float]:
    """From a gateway's publish (QoS 1) to the server's hand, with nothing else on the broker."""
    accounts = {SERVER_ACCOUNT: "bench", "gw-bench": "bench"}
    port, topic = free_port(), "anhu/v1/gw-bench/up/p0"
    taken: list[float] = []
    async with Processes(folder / "logs") as processes:
        await processes.start(prepare("centre", kind, folder / "broker", port, accounts))
        async with (
            aiomqtt.Client("127.0.0.1", port, username=SERVER_ACCOUNT, password="bench") as server,
            aiomqtt.Client("127.0.0.1", port, username="gw-bench", password="bench") as gateway,
        ):
            await server.subscribe(topic, qos=1)
            messages = aiter(server.messages)
            for _ in range(times):
                began = time.perf_counter()
                await gateway.publish(topic, PAYLOAD, qos=1)
                await anext(messages)
                taken.append((time.perf_counter() - began) * 1000)
    return taken


def sqlite_commit(folder: Path, times: int) -> list[float]:
    """One row and one synced commit, as the outbox and the inbox do it (WAL, synchronous=FULL)."""
    taken: list[float] = []
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE bare (id BLOB PRIMARY KEY, payload BLOB)")
        for _ in range(times):
            began = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO bare VALUES (?, ?)", (uuid4().bytes, PAYLOAD))
            database.execute("COMMIT")
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        database.close()
    return taken


def envelope_decode(times: int) -> list[float]:
    """One SOS envelope to its typed event."""
    payload = encode(
        Envelope(
            v=1, id=uuid4(), gateway="gw-0001", stream="s", seq=1, boot="b", mono_ms=1, wall=datetime.now(UTC),
            clock=Clock.SYNCED, device="sos_bath", kind="sos", phase=Phase.RAISE, mode=Mode.ACTUAL,
        )
    )  # fmt: skip
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        decode_envelopes(payload)[0].said()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def device_decode(times: int) -> list[float]:
    """The three messages of one Zigbee press to its one event."""
    decoder = registry.decoder("zigbee2mqtt")
    memory: registry.Memory = {}
    taken: list[float] = []
    for number in range(times):
        said = SosButton("sos_bath").press()
        began = time.perf_counter()
        for spoken in said:
            message = registry.Message(spoken.topic, spoken.payload, retained=False, received_s=float(number * 60))
            memory = decoder.decode(message, "zigbee2mqtt", memory).memory
        taken.append((time.perf_counter() - began) * 1000)
    return taken
