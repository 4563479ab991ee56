"""Telephone calls through Twilio's API, or anything that speaks it (`api_url`).

Never raises for what provider or network do while a call is placed, and never lets a number or the token into a log:
the SDK's exceptions carry both, so they are turned into our own outcomes here and not passed on.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.response import Response
from twilio.rest import Client

from server.notify.channel import (
    AnsweredBy,
    CallState,
    GiveUp,
    HungUp,
    OutgoingCall,
    Placed,
    ProviderCall,
    ProviderUnavailableError,
    Retry,
    Unsure,
    Why,
)
from server.notify.provider_http import RETRY_AFTER_S, NoAnswerError, NotSentError, ProviderHttp
from server.notify.signature import Callbacks, Hook

STATES: dict[str, CallState] = {
    "queued": CallState.PLACED,
    "initiated": CallState.PLACED,
    "ringing": CallState.RINGING,
    "in-progress": CallState.ANSWERED,
    "answered": CallState.ANSWERED,
    "completed": CallState.COMPLETED,
    "busy": CallState.BUSY,
    "no-answer": CallState.NO_ANSWER,
    "failed": CallState.FAILED,
    "canceled": CallState.CANCELED,
}
"""The provider's words for ours."""

EVENTS = ["initiated", "ringing", "answered", "completed"]
"""`completed` covers every end: busy, no answer, failed and canceled as well."""

LONGEST_CALL_S = 300
"""A line that nobody hangs up must not keep its number busy for the next attempt."""

CLOCK_SLACK = timedelta(seconds=30)
"""How far the provider's clock may differ from ours; calls of other attempts found that way are known by their ids."""

FOUND_AT_MOST = 50

_NUMBER_CODES = {13223, 13224, 13225, 21211, 21214, 21215, 21216, 21217, 21219}
"""Not a number, not reachable, or not one this account may call."""

_FROM_CODES = {21210, 21212, 21213}
"""The number we call from is wrong."""

_NOT_IN_PROGRESS = 21220

T = TypeVar("T")


def answered_by(text: str | None) -> AnsweredBy:
    """`human`, `machine_start`, `machine_end_beep`, `fax`, `unknown` or nothing."""
    if text == "human":
        return AnsweredBy.HUMAN
    return AnsweredBy.MACHINE if text and (text.startswith("machine") or text == "fax") else AnsweredBy.UNKNOWN


class TwilioVoice:
    """A Channel. `timeout_s` bounds every method but `find`, which reads at most FOUND_AT_MOST calls in one page."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_number: str,
        callbacks: Callbacks,
        api_url: str = "https://api.twilio.com",
        timeout_s: float = 10.0,
    ) -> None:
        self._http = ProviderHttp(api_url, timeout_s)
        self._account_sid = account_sid
        self._from = from_number
        self._callbacks = callbacks
        # An environment without TWILIO_EDGE and TWILIO_REGION: only our own configuration says where requests go.
        environment = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}
        self._client = Client(account_sid, auth_token, http_client=self._http, environment=environment)  # type: ignore[no-untyped-call]

    async def place(self, call: OutgoingCall) -> Placed | Retry | Unsure | GiveUp:
        """See Channel."""
        answer = self._callbacks.url(call.attempt_id, Hook.ANSWER)
        try:
            made = await self._client.calls.create_async(
                to=call.to,
                from_=self._from,
                url=answer,
                method="POST",
                fallback_url=answer,  # one of our processes died while it spoke: begin again rather than fall silent
                fallback_method="POST",
                status_callback=self._callbacks.url(call.attempt_id, Hook.STATUS),
                status_callback_event=EVENTS,
                status_callback_method="POST",
                timeout=round(call.ring_s),
                time_limit=LONGEST_CALL_S,
                machine_detection="Enable",
            )
        except NotSentError as error:
            return Retry(error.reason, error.after_s)
        except NoAnswerError as error:
            return Unsure(error.reason)
        except TwilioException as error:
            return _refusal(error)
        except (ValueError, KeyError, TypeError, AttributeError):  # it said yes, in words that are not its API's
            return Unsure(Why.UNREADABLE_ANSWER)
        return Placed(made.sid) if made.sid else Unsure(Why.UNREADABLE_ANSWER)

    async def find(self, to: str, since: datetime) -> list[ProviderCall]:
        """See Channel. The provider's own StartTime filter would hide calls that are still queued: they have none."""
        earliest = since - CLOCK_SLACK
        listed = await _asked(self._client.calls.list_async(to=to, limit=FOUND_AT_MOST, page_size=FOUND_AT_MOST))
        calls = [_provider_call(call) for call in listed]
        mine = [call for call in calls if call.created_at is None or call.created_at >= earliest]
        return sorted(mine, key=lambda call: (call.created_at or earliest, call.provider_id))

    async def fetch(self, provider_id: str) -> ProviderCall | None:
        """See Channel."""
        try:
            return _provider_call(await _asked(self._client.calls(provider_id).fetch_async()))
        except _NoSuchCallError:
            return None

    async def hang_up(self, provider_id: str) -> HungUp | Retry:
        """See Channel."""
        try:
            await _asked(self._client.calls(provider_id).update_async(status="completed"))
        except (_NoSuchCallError, _NotInProgressError):
            return HungUp(already=True)
        except ProviderUnavailableError as error:
            return Retry(error.reason, error.after_s)
        return HungUp()

    async def check(self) -> None:
        """See Channel."""
        account = await _asked(self._client.api.accounts(self._account_sid).fetch_async())
        status = str(account.status)
        if status != "active":
            raise ProviderUnavailableError(Why.CREDENTIALS_REFUSED, RETRY_AFTER_S, f"account {status}")

    async def aclose(self) -> None:
        """See Channel."""
        await self._http.aclose()


class _NoSuchCallError(ProviderUnavailableError):
    """404: the call is not there, or the account is not."""


class _NotInProgressError(ProviderUnavailableError):
    """The call that is to be ended has ended."""


async def _asked(question: Awaitable[T]) -> T:
    """The answer to a question that changes nothing, or that may be asked twice."""
    try:
        return await question
    except NotSentError as error:
        raise ProviderUnavailableError(error.reason, error.after_s) from None
    except NoAnswerError as error:
        raise ProviderUnavailableError(error.reason, RETRY_AFTER_S) from None
    except TwilioException as error:
        _raise_refusal(error)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProviderUnavailableError(Why.UNREADABLE_ANSWER, RETRY_AFTER_S) from None


def _status_and_code(error: TwilioException) -> tuple[int, int | None]:
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return error.status, error.code
    # Lists: the SDK raises a bare exception with the response as its second argument.
    response = next((part for part in error.args if isinstance(part, Response)), None)
    return (response.status_code, None) if response else (0, None)


def _refusal(error: TwilioException) -> Unsure | GiveUp:
    status, code = _status_and_code(error)
    if not status:
        return Unsure(Why.UNREADABLE_ANSWER)
    return GiveUp(_reason(status, code), str(code or status))


def _raise_refusal(error: TwilioException) -> NoReturn:
    status, code = _status_and_code(error)
    kind = ProviderUnavailableError
    if status == 404:
        kind = _NoSuchCallError
    elif code == _NOT_IN_PROGRESS:
        kind = _NotInProgressError
    raise kind(_reason(status, code), RETRY_AFTER_S, str(code or status)) from None


def _reason(status: int, code: int | None) -> Why:
    if code in _NUMBER_CODES:
        return Why.NUMBER_REFUSED
    return Why.CREDENTIALS_REFUSED if status in (401, 403) or code in _FROM_CODES else Why.REQUEST_REFUSED


def _provider_call(call: Any) -> ProviderCall:
    """A state that the provider's documentation does not name counts as not over: it is asked for again."""
    return ProviderCall(
        provider_id=call.sid,
        state=STATES.get(call.status, CallState.PLACED),
        answered_by=answered_by(call.answered_by),
        created_at=call.date_created,
        to=call.to,
    )
