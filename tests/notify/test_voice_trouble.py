"""What the channel says when provider or network fail: certainly not placed, or nobody knows. Never a guess."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from server.notify.channel import Placed, ProviderUnavailableError, Retry, Unsure, Why, ours
from simulators.phone.network import Trouble
from tests.notify.serving import address, listener
from tests.notify.world import TOKEN, WANG, Stopped, outgoing, world

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncIterator[str]:
    """A server that answers as no provider should."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await handler(reader, writer)
        writer.close()

    bound = listener()
    async with await asyncio.start_server(serve, sock=bound):
        yield address(bound)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Trouble(status=429, retry_after_s=7), Retry(Why.RATE_LIMITED, 7.0)),
        (Trouble(status=429), Retry(Why.RATE_LIMITED, 2.0)),
        (Trouble(status=503, retry_after_s=86400), Retry(Why.PROVIDER_DOWN, 60.0)),
        (Trouble(status=500), Unsure(Why.PROVIDER_ERROR)),
        (Trouble(status=504, placed=True), Unsure(Why.PROVIDER_ERROR)),
    ],
)
async def test_errors_of_the_provider(trouble: Trouble, outcome: Retry | Unsure) -> None:
    async with world() as w:
        w.network.troubles.append(trouble)
        assert await w.voice.place(outgoing()) == outcome
        assert len(w.network.calls) == trouble.placed
        assert isinstance(await w.voice.place(outgoing()), Placed)


async def test_a_slow_provider_leaves_us_unsure_and_find_adopts_the_call() -> None:
    async with world(Stopped()) as w:
        before = datetime.now(UTC)
        w.network.troubles.append(Trouble(hold_s=60, placed=True))
        impatient = w.channel(timeout_s=0.5)
        call = outgoing()
        assert await impatient.place(call) == Unsure(Why.TIMED_OUT)
        await impatient.aclose()

        await w.network.until(lambda: bool(w.network.calls))
        adopted = ours(await w.voice.find(WANG, before), known=())
        assert adopted is not None
        assert adopted.provider_id in w.network.calls
        assert str(call.attempt_id) in w.network.calls[adopted.provider_id].url


async def test_a_slow_provider_that_placed_nothing_leaves_nothing_to_adopt() -> None:
    async with world(Stopped()) as w:
        w.network.troubles.append(Trouble(hold_s=60))
        impatient = w.channel(timeout_s=0.5)
        assert await impatient.place(outgoing()) == Unsure(Why.TIMED_OUT)
        await impatient.aclose()
        assert ours(await w.voice.find(WANG, datetime.now(UTC)), known=()) is None


async def test_a_refused_connection_was_certainly_not_a_call() -> None:
    async with world() as w:
        bound = listener()  # bound, not listening: refuses
        nowhere = w.channel(api_url=address(bound))
        assert await nowhere.place(outgoing()) == Retry(Why.UNREACHABLE, 2.0)
        assert isinstance(await nowhere.hang_up("CA" + "0" * 32), Retry)
        with pytest.raises(ProviderUnavailableError, match="unreachable"):
            await nowhere.find(WANG, datetime.now(UTC))
        await nowhere.aclose()
        bound.close()


async def test_a_connection_that_breaks_off_leaves_us_unsure() -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Closes without a word."""

    async with world() as w, raw_server(breaks) as url:
        channel = w.channel(api_url=url)
        assert await channel.place(outgoing()) == Unsure(Why.BROKEN_OFF)
        await channel.aclose()


async def test_an_answer_that_never_ends_is_cut_off() -> None:
    gone = asyncio.Event()

    async def dribbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{")
        await reader.read(-1)  # until we are left
        gone.set()

    async with world() as w, raw_server(dribbles) as url:
        channel = w.channel(api_url=url, timeout_s=0.5)
        assert await channel.place(outgoing()) == Unsure(Why.TIMED_OUT)
        await channel.aclose()
        await gone.wait()


@pytest.mark.parametrize("body", [b"<html>a proxy's greeting</html>", b"[]", b"{}", b'{"sid": null}'])
async def test_a_yes_that_cannot_be_read_leaves_us_unsure(body: bytes) -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()

    async with world() as w, raw_server(greets) as url:
        channel = w.channel(api_url=url)
        assert await channel.place(outgoing()) == Unsure(Why.UNREADABLE_ANSWER)
        with pytest.raises(ProviderUnavailableError):
            await channel.find(WANG, datetime.now(UTC))
        await channel.aclose()


async def test_neither_numbers_nor_the_token_reach_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world() as w:
        call = outgoing()
        outcome = await w.voice.place(call)
        assert isinstance(outcome, Placed)
        await w.voice.find(WANG, datetime.now(UTC))
        refused = await w.voice.place(outgoing("+86139"))
        wrong = w.channel(auth_token=TOKEN + "x")
        with pytest.raises(ProviderUnavailableError) as error:
            await wrong.find(WANG, datetime.now(UTC))
        await wrong.aclose()
        found = await w.voice.fetch(outcome.provider_id)
    said = f"{caplog.text} {call!r} {refused!r} {found!r} {error.value!r} {error.value}"
    for secret in (WANG.lstrip("+"), "86139", TOKEN):
        assert secret not in said
