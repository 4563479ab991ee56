"""The HTTP client under the provider's SDK: honours time-outs, knows whether a request left, goes to a set address.

It must never log: numbers stand in addresses and forms, the token in headers. That is why it drives httpx's transport
itself; httpx.AsyncClient writes every address to the log. (The SDK's own asynchronous client ignores time-outs.)
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from server.notify.channel import Why

RETRY_AFTER_S = 2.0
"""Where the provider names no time."""

MAX_RETRY_AFTER_S = 60.0
"""A life alarm does not wait an hour because a header says so; asking once a minute harms nobody."""


class NotSentError(Exception):
    """Certainly nothing reached the provider, or it refused before doing anything."""

    def __init__(self, reason: Why, after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


class NoAnswerError(Exception):
    """The request left, or may have: what became of it is not known."""

    def __init__(self, reason: Why) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderHttp(AsyncHttpClient):
    """`api_url` replaces scheme and host of every address the SDK makes; `timeout_s` bounds the whole exchange."""

    def __init__(self, api_url: str, timeout_s: float) -> None:
        silent = logging.Logger("anhu.provider", logging.CRITICAL + 1)  # not in the tree: nothing can turn it on
        super().__init__(silent, is_async=True, timeout=timeout_s)
        self._api_url = api_url.rstrip("/")
        self._timeout_s = timeout_s
        self._transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=50, keepalive_expiry=5.0))

    async def request(  # type: ignore[override]  # the SDK's own AsyncHttpClient overrides it the same way
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,
    ) -> Response:
        """One exchange; redirects are not followed. Raises NotSentError or NoAnswerError, and nothing else."""
        sent = False

        async def trace(step: str, info: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or step.endswith("send_request_headers.started")

        seconds = timeout or self._timeout_s
        request = httpx.Request(
            method,
            self._address(uri),
            params={name: str(value) for name, value in (params or {}).items()} or None,
            data=data,
            headers={**(headers or {}), **_authorization(auth)},
            extensions={"trace": trace, "timeout": httpx.Timeout(seconds).as_dict()},
        )
        try:
            # httpx counts each read and write by itself: a provider that dribbles would never time out.
            async with asyncio.timeout(seconds):
                response = await self._transport.handle_async_request(request)
                await response.aread()
        except (httpx.TimeoutException, TimeoutError) as error:
            raise (NoAnswerError(Why.TIMED_OUT) if sent else NotSentError(Why.TIMED_OUT)) from error
        except httpx.TransportError as error:
            raise (NoAnswerError(Why.BROKEN_OFF) if sent else NotSentError(Why.UNREACHABLE)) from error
        except httpx.DecodingError as error:
            raise NoAnswerError(Why.UNREADABLE_ANSWER) from error
        _refuse_trouble(response)
        return Response(response.status_code, response.text, response.headers)

    def _address(self, uri: str) -> str:
        parts = urlsplit(uri)
        return f"{self._api_url}{parts.path}{f'?{parts.query}' if parts.query else ''}"

    async def aclose(self) -> None:
        """Give back every connection."""
        await self._transport.aclose()


def _authorization(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Authorization": f"Basic {b64encode(':'.join(auth).encode()).decode()}"}


def _refuse_trouble(response: httpx.Response) -> None:
    """429 and 503 are said before anything is done; any other 5xx may come from behind a call already placed."""
    if response.status_code == 429:
        raise NotSentError(Why.RATE_LIMITED, _retry_after(response))
    if response.status_code == 503:
        raise NotSentError(Why.PROVIDER_DOWN, _retry_after(response))
    if response.status_code >= 500:
        raise NoAnswerError(Why.PROVIDER_ERROR)


def _retry_after(response: httpx.Response) -> float:
    """Seconds; a date would need a clock, and the provider sends seconds."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() else RETRY_AFTER_S
