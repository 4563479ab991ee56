"""The provider's requests to our centre: signed, retried, and counted where they are lost."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping

import httpx

from simulators.phone.pace import Pace

BACK_OFF_S = (0.5, 1.0, 2.0)
"""Waits before the second, third and fourth try of a status callback."""

TIMEOUT_S = 15.0
"""The provider waits this long for an answer."""


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the address and the sorted form, written down from the provider's manual."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Webhooks:
    """Posts forms to the centre."""

    def __init__(self, token: str, pace: Pace, client: httpx.AsyncClient) -> None:
        self._token = token
        self._pace = pace
        self._client = client

    async def post(self, url: str, form: Mapping[str, str]) -> httpx.Response:
        """One signed request. Raises httpx.HTTPError, or httpx.InvalidURL for an address that is none."""
        headers = {"X-Twilio-Signature": signature(self._token, url, form), "User-Agent": "TwilioProxy/1.1"}
        return await self._client.post(url, data=dict(form), headers=headers)

    async def deliver(self, url: str, form: Mapping[str, str]) -> str | None:
        """A status callback, tried again while the centre is down. None when taken, else what went wrong last."""
        trouble = "not sent"
        for wait_s in (0.0, *BACK_OFF_S):
            if wait_s:
                await self._pace.sleep(wait_s)
            try:
                response = await self.post(url, form)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                trouble = type(error).__name__
                continue
            if response.is_success:
                return None
            trouble = f"HTTP {response.status_code}"
            if response.status_code < 500:  # the centre refuses it: the same again would be refused again
                break
        return trouble
