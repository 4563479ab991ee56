"""What the resident hears, in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from gateway.feedback import DELAYED_S, TOPIC, Confirmations
from gateway.outbox import Call
from tests.gateway.virtual import VirtualClock


class Speaker:
    """Confirmations whose task runs, and what they published."""

    def __init__(self, time: VirtualClock) -> None:
        self.said: list[dict[str, Any]] = []
        self.confirmations = Confirmations(time, "zh-CN", self._publish)

    def _publish(self, topic: str, payload: bytes) -> None:
        assert topic == TOPIC
        self.said.append(json.loads(payload))

    @property
    def stages(self) -> list[str]:
        return [said["stage"] for said in self.said]


@pytest.fixture
async def speaker(time: VirtualClock) -> AsyncIterator[Speaker]:
    speaker = Speaker(time)
    task = asyncio.create_task(speaker.confirmations.run())
    yield speaker
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def call(kind: str = "sos") -> Call:
    return Call(uuid4(), "sos_bath", kind)


async def test_stored_then_centre(speaker: Speaker, time: VirtualClock) -> None:
    one = call()
    speaker.confirmations.stored(one)
    await time.advance(DELAYED_S - 0.1)
    speaker.confirmations.centre([one])
    await time.advance(3600)
    assert speaker.stages == ["stored", "centre"]
    first = speaker.said[0]
    assert first["v"] == 1
    assert first["id"] == str(one.id)
    assert (first["device"], first["kind"], first["tone"], first["language"]) == ("sos_bath", "sos", 1, "zh-CN")
    assert first["at"] == "2026-03-01T18:14:14Z"


async def test_a_silent_centre_is_said_once_and_never_hidden(speaker: Speaker, time: VirtualClock) -> None:
    one, two = call(), call()
    speaker.confirmations.stored(one)
    await time.advance(4)
    speaker.confirmations.stored(two)
    await time.advance(5.9)
    assert speaker.stages == ["stored", "stored"]
    await time.advance(0.1)
    assert speaker.stages == ["stored", "stored", "delayed"]
    assert speaker.said[-1]["tone"] is None
    await time.advance(4)
    assert [said["id"] for said in speaker.said[2:]] == [str(one.id), str(two.id)]
    await time.advance(3600)
    speaker.confirmations.centre([one])
    assert speaker.stages == ["stored", "stored", "delayed", "delayed", "centre"]


async def test_a_person_ends_the_waiting(speaker: Speaker, time: VirtualClock) -> None:
    one = call()
    speaker.confirmations.stored(one)
    said = json.loads(speaker.confirmations.person(one, {"en": "Anna has your call."}))
    assert said["stage"] == "person"
    assert said["tone"] == 3
    assert said["texts"]["en"] == "Anna has your call."
    await time.advance(60)
    assert speaker.stages == ["stored"]


@pytest.mark.parametrize("kind", ["sos", "fall", "cancel", "test", "smoke", "unknown", "a_kind_of_tomorrow"])
async def test_every_kind_has_words_in_both_languages(speaker: Speaker, kind: str) -> None:
    one = call(kind)
    speaker.confirmations.stored(one)
    speaker.confirmations.centre([one])
    for said in speaker.said:
        assert set(said["texts"]) == {"zh-CN", "en"}
        assert all("{" not in text and text for text in said["texts"].values())
