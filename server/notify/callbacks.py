"""The addresses the telephone provider calls: what to say, which key was pressed, how the call goes on.

Believes nothing without the provider's signature, decides nothing itself, and answers wrong forms with 4xx, not 500.
Mount `router` on an app with `tell_problems` and `state.calls: Calls`, `state.callbacks: Callbacks | None`.
"""

from typing import Annotated, TypeVar, cast
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import ImmutableMultiDict

from server.errors import InvalidError, NotAllowedError, NotFoundError
from server.notify import twiml
from server.notify.channel import AnswerContext, AnsweredBy, Calls, CallState, CallUpdate, KeyOutcome
from server.notify.signature import HEADER, PREFIX, Callbacks, Hook
from server.notify.voice_twilio import STATES, answered_by

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 200

router = APIRouter(prefix=PREFIX, include_in_schema=False)


class _CallForm(BaseModel):
    """What every callback has. The provider adds fields as it likes, so others are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    provider_id: Annotated[str, Field(alias="CallSid", pattern=r"^CA[0-9a-fA-F]{32}$")]
    answered_by: Annotated[str | None, Field(alias="AnsweredBy")] = None


class _StatusForm(_CallForm):
    status: Annotated[str, Field(alias="CallStatus")]
    seq: Annotated[int | None, Field(alias="SequenceNumber", ge=0)] = None


class _KeysForm(_CallForm):
    digits: Annotated[str, Field(alias="Digits", pattern=r"^[0-9*#]?$")] = ""


F = TypeVar("F", bound=_CallForm)


@router.post("/{attempt}/answer")
async def answer(attempt: str, request: Request) -> Response:
    """Somebody or something picked up: tell it what happened and ask for a key."""
    attempt_id, form = await _believed(attempt, Hook.ANSWER, request, _CallForm)
    calls = _calls(request)
    by = answered_by(form.answered_by)
    await calls.call_update(CallUpdate(attempt_id, form.provider_id, CallState.ANSWERED, by, seq=None))
    context = await calls.answer_context(attempt_id)
    if context is None or context.over:
        return _twiml(twiml.over_document(context.language if context else None))
    # A machine is read to once; it is offered the keys all the same, for the provider may take a slow voice for one.
    round_ = twiml.ROUNDS if by is AnsweredBy.MACHINE else 1
    return _ask(request, attempt_id, context, round_)


@router.post("/{attempt}/keys")
async def keys(attempt: str, request: Request) -> Response:
    """A key, or none in time. What is said comes after the commit of what it did."""
    attempt_id, form = await _believed(attempt, Hook.KEYS, request, _KeysForm)
    round_ = _round(request)
    calls = _calls(request)
    context = await calls.answer_context(attempt_id)
    if context is None:
        return _twiml(twiml.over_document(None))
    if not form.digits:
        if context.over:
            return _twiml(twiml.over_document(context.language))
        return _ask_again(request, attempt_id, context, round_, "no_key")
    result = await calls.key_pressed(attempt_id, form.provider_id, form.digits)
    if result.outcome is KeyOutcome.REPEAT:
        return _ask(request, attempt_id, context, 1)
    if result.outcome is KeyOutcome.UNKNOWN:
        return _ask_again(request, attempt_id, context, round_, "unknown_key")
    return _twiml(twiml.result_document(context.language, result))


@router.post("/{attempt}/status")
async def status(attempt: str, request: Request) -> Response:
    """The call went on. Passed to the engine as it comes: twice, late or in another order."""
    attempt_id, form = await _believed(attempt, Hook.STATUS, request, _StatusForm)
    if form.status not in STATES:
        raise InvalidError("CallStatus", f"one of {', '.join(STATES)}")
    update = CallUpdate(attempt_id, form.provider_id, STATES[form.status], answered_by(form.answered_by), form.seq)
    await _calls(request).call_update(update)
    return Response(status_code=204)


def _calls(request: Request) -> Calls:
    return cast(Calls, request.app.state.calls)


def _callbacks(request: Request) -> Callbacks:
    callbacks = cast(Callbacks | None, request.app.state.callbacks)
    if callbacks is None:
        raise NotFoundError("this centre has no telephone configured ([voice])")
    return callbacks


def _ask(request: Request, attempt_id: UUID, context: AnswerContext, round_: int, first: str | None = None) -> Response:
    url = _callbacks(request).url(attempt_id, Hook.KEYS, f"round={round_}")
    return _twiml(twiml.ask_document(context, url, first))


def _ask_again(request: Request, attempt_id: UUID, context: AnswerContext, round_: int, why: str) -> Response:
    if round_ >= twiml.ROUNDS:
        return _twiml(twiml.no_key_document(context.language))
    return _ask(request, attempt_id, context, round_ + 1, why)


def _round(request: Request) -> int:
    text = request.query_params.get("round", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 3):
        raise InvalidError("round", "a small number")
    return int(text)


def _twiml(document: str) -> Response:
    return Response(document, media_type="application/xml")


async def _believed(attempt: str, hook: Hook, request: Request, model: type[F]) -> tuple[UUID, F]:
    """The attempt and the form, once the signature over the public address holds. Nothing is read before that."""
    callbacks = _callbacks(request)
    fields = await _fields(request)
    url = callbacks.url(attempt, hook, request.url.query)
    if not callbacks.is_signed(url, fields, request.headers.get(HEADER, "")):
        raise NotAllowedError(
            f"{HEADER} does not fit: voice.auth_token must be the provider's, voice.callback_url the address it calls"
        )
    try:
        attempt_id = UUID(attempt)
    except ValueError:
        raise NotFoundError("the address holds no attempt id") from None
    try:
        return attempt_id, model.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # the input may be somebody's number
        raise InvalidError(str(first["loc"][0]), first["msg"]) from None


async def _fields(request: Request) -> ImmutableMultiDict[str, str]:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidError("Content-Type", "application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise InvalidError("body", f"at most {MAX_FORM_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise InvalidError("body", f"at most {MAX_FIELDS} fields, percent-encoded UTF-8") from None
    return ImmutableMultiDict(pairs)
