"""A home on a real broker: the wristband repeats itself until acknowledged, the speaker's words find their call."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from simulators import broker
from simulators.home import FEEDBACK_TOPIC, Home
from simulators.processes import Processes, free_port

HOST = "127.0.0.1"


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with Processes(tmp_path / "logs") as processes:
        number = free_port()
        await processes.start(broker.prepare("home", broker.choose(), tmp_path / "home", number))
        yield number


async def said(gateway: aiomqtt.Client) -> dict[str, Any]:
    message = await anext(aiter(gateway.messages))
    found: dict[str, Any] = json.loads(bytes(message.payload))
    return found


async def test_the_wristband_repeats_a_press_until_it_is_acknowledged(port: int) -> None:
    async with aiomqtt.Client(HOST, port) as gateway, Home.at(HOST, port, resend_s=0.05) as home:
        await gateway.subscribe("anhu/device/v1/+/up", qos=1)
        call = await home.press_wristband()
        assert [(await said(gateway))["id"] for _ in range(3)] == [call.event_id] * 3
        await gateway.publish("anhu/device/v1/wristband/ack", json.dumps({"v": 1, "ids": [call.event_id]}), qos=1)
        await home.until_acknowledged(within_s=10)


async def test_confirmations_are_counted_to_the_press_they_are_for(port: int) -> None:
    async with aiomqtt.Client(HOST, port) as gateway, Home.at(HOST, port) as home:
        first, second, native = [await home.press_button(), await home.press_button(), await home.press_wristband()]

        async def confirm(stage: str, id_: str | None, device: str) -> None:
            word = {
                "v": 1,
                "stage": stage,
                "id": id_,
                "device": device,
                "kind": "sos",
                "tone": 1,
                "texts": {},
                "at": "",
            }
            await gateway.publish(FEEDBACK_TOPIC, json.dumps(word), qos=1)

        await confirm("stored", "id-1", "sos_bath")
        await confirm("stored", native.event_id, "wristband")
        await confirm("stored", "id-2", "sos_bath")
        await confirm("centre", "id-2", "sos_bath")
        await confirm("stored", "id-2", "sos_bath")
        await home.until(lambda: second.repeats == 1, within_s=10)
        assert (first.event_id, second.event_id) == ("id-1", "id-2")
        assert set(first.heard_at) == set(native.heard_at) == {"stored"}
        assert set(second.heard_at) == {"stored", "centre"}
