"""The life of one call: dialled, ringing, answered, spoken, keys pressed, over. One Line and one task per call."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import assert_never

import httpx

from simulators.phone.call import Act, Action, Call, Happening, Status
from simulators.phone.document import (
    DocumentError,
    Gather,
    Hangup,
    Pause,
    Redirect,
    Say,
    Verb,
    parse,
)
from simulators.phone.pace import Pace
from simulators.phone.people import Answers, Behaviour, Busy, HangsUp, Key, Rejects, Unreachable, Voicemail
from simulators.phone.webhooks import Webhooks

APOLOGY = "We are sorry, an application error has occurred. Goodbye."
"""What the provider says when the centre's document cannot be had."""

Planned = tuple[float, Action]


class _OverError(Exception):
    """Somebody hung up."""


class Line:
    """`behaviour` is None for a number nobody has; `engaged` tells whether its telephone is in another call."""

    def __init__(
        self,
        call: Call,
        behaviour: Behaviour | None,
        engaged: Callable[[], bool],
        *,
        account_sid: str,
        webhooks: Webhooks,
        pace: Pace,
        changed: Callable[[], None],
    ) -> None:
        self._call = call
        self._behaviour = behaviour
        self._engaged = engaged
        self._account_sid = account_sid
        self._webhooks = webhooks
        self._pace = pace
        self._changed = changed
        self._sequence = 0
        self._spoken_s = 0.0
        self._outbox: asyncio.Queue[dict[str, str] | None] = asyncio.Queue()
        self._planned: Planned | None = None  # what the person will do next, and how long that still takes
        self._keys: Iterator[Key] = iter(behaviour.keys if isinstance(behaviour, Answers) else ())

    async def run(self) -> None:
        """From dialling to the end, and until the centre was told of it or could not be."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver())
            try:
                self._note("placed")
                self._report("initiated")
                await self._end(await self._connect())
            finally:
                self._outbox.put_nowait(None)
        self._call.settled = True
        self._changed()

    async def _connect(self) -> Status:
        if self._behaviour is None or isinstance(self._behaviour, Unreachable):
            return "failed"
        if isinstance(self._behaviour, Busy) or self._engaged():
            return "busy"
        self._call.status = "ringing"
        self._call.ringing_at = self._pace.now()
        self._note("ringing")
        self._report("ringing")
        match await self._ring(self._behaviour):
            case None:
                return "no-answer"
            case Act.HANG_UP:
                return "busy"
            case Act.CUT:
                return "canceled"
            case Act.ANSWER:
                pass
        self._answered(self._behaviour)
        with contextlib.suppress(_OverError):
            await self._speak()
        return "completed"

    async def _ring(self, behaviour: Behaviour) -> Act | None:
        if isinstance(behaviour, Answers | Voicemail | HangsUp):
            self._planned = (behaviour.after_s, Action(Act.ANSWER))
        elif isinstance(behaviour, Rejects):
            self._planned = (behaviour.after_s, Action(Act.HANG_UP))
        while True:
            action = await self._next(self._call.ring_s)
            if action is None or action.act is not Act.PRESS:  # a key on a ringing telephone does nothing
                return action.act if action else None

    def _answered(self, behaviour: Behaviour) -> None:
        call = self._call
        call.status = "in-progress"
        call.answered_at = self._pace.now()
        if call.detects_machines:
            call.answered_by = "machine_start" if isinstance(behaviour, Voicemail) else "human"
        self._planned = (behaviour.hang_up_after_s, Action(Act.HANG_UP)) if isinstance(behaviour, HangsUp) else None
        self._note("answered", call.answered_by or "")
        self._report("answered")

    async def _speak(self) -> None:
        """Documents, one after the other, until one ends."""
        url: str | None = self._call.url
        extra: dict[str, str] = {}
        while url is not None:
            asked = await self._document(url, extra)
            if asked is None:
                self._said(Say(APOLOGY, "en-US"))
                return
            url, extra = await self._perform(asked)

    async def _perform(self, verbs: tuple[Verb, ...]) -> tuple[str | None, dict[str, str]]:
        for verb in verbs:
            match verb:
                case Say() | Pause():
                    self._said(verb)
                    await self._listen(verb.seconds)
                case Gather():
                    digits = await self._gather(verb)
                    if digits or verb.posts_nothing_too:
                        return verb.action, {"Digits": digits, "msg": "Gather End"}
                case Redirect():
                    return verb.url, {}
                case Hangup():
                    return None, {}
                case _:
                    assert_never(verb)
        return None, {}

    async def _gather(self, verb: Gather) -> str:
        for prompt in verb.prompts:
            self._said(prompt)
        digits = ""
        left = verb.window_s
        while True:
            self._plan_key()
            action = await self._next(left)
            if action is None:
                return digits
            if action.act is not Act.PRESS:
                raise _OverError
            self._call.keys.append(action.key)
            self._note("key", action.key)
            if action.key == verb.finish_on:
                return digits
            digits += action.key
            if len(digits) == verb.digits:
                return digits
            left = verb.timeout_s

    def _plan_key(self) -> None:
        if self._planned is None and (key := next(self._keys, None)):
            self._planned = (key.after_s, Action(Act.PRESS, key.press))

    async def _listen(self, seconds: float) -> None:
        """Time passes in which keys mean nothing."""
        while (action := await self._next(seconds)) is not None:
            if action.act is not Act.PRESS:
                raise _OverError

    async def _next(self, within_s: float) -> Action | None:
        """The next thing anybody does: at the page, through the API, or as planned. None when the time is over.

        Whoever acts at the page takes the telephone out of the planned person's hands.
        """
        wait_s, due = within_s, None
        if self._planned is not None:
            after_s, action = self._planned
            if after_s <= within_s:
                wait_s, due, self._planned = after_s, action, None
            else:
                self._planned = (after_s - within_s, action)
        act = asyncio.ensure_future(self._call.actions.get())
        nap = asyncio.ensure_future(self._pace.sleep(wait_s))
        try:
            await asyncio.wait({act, nap}, return_when=asyncio.FIRST_COMPLETED)
            if act.done():
                self._planned, self._keys = None, iter(())
                return act.result()
        finally:
            act.cancel()
            nap.cancel()
        self._take_time(wait_s)
        return due

    def _take_time(self, seconds: float) -> None:
        if self._call.answered_at is not None:
            self._spoken_s += seconds
            if self._spoken_s > self._call.limit_s:
                raise _OverError

    async def _document(self, url: str, extra: dict[str, str]) -> tuple[Verb, ...] | None:
        """What the centre wants said; asked of the fallback address when it cannot be had."""
        trouble = await self._try_document(url, extra)
        if isinstance(trouble, tuple):
            return trouble
        self._note("document_failed", trouble)
        if self._call.fallback_url is None:
            return None
        again = await self._try_document(self._call.fallback_url, {"ErrorCode": "11200", "ErrorUrl": url})
        if isinstance(again, tuple):
            return again
        self._note("document_failed", again)
        return None

    async def _try_document(self, url: str, extra: dict[str, str]) -> tuple[Verb, ...] | str:
        form = {**self._form("in-progress"), **extra}
        if self._call.answered_by:
            form["AnsweredBy"] = self._call.answered_by
        try:
            response = await self._webhooks.post(url, form)
            if not response.is_success:
                return f"HTTP {response.status_code}"
            return parse(response.text, url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        except DocumentError as error:
            return str(error)

    async def _end(self, status: Status) -> None:
        call = self._call
        call.status = status
        call.ended_at = self._pace.now()
        self._note("ended", status)
        extra = {"SipResponseCode": "200"}
        if call.answered_at is not None:
            seconds = str(max(1, round((call.ended_at - call.answered_at).total_seconds())))
            extra |= {"CallDuration": seconds, "Duration": "1"}
        if call.answered_by:
            extra["AnsweredBy"] = call.answered_by
        self._report("completed", **extra)

    def _said(self, verb: Say | Pause) -> None:
        if isinstance(verb, Say):
            self._call.said.append(verb.text)
            self._note("said", verb.text)

    def _note(self, what: str, detail: str = "") -> None:
        self._call.history.append(Happening(at=self._pace.now(), what=what, detail=detail))
        self._changed()

    def _report(self, event: str, **extra: str) -> None:
        if self._call.status_callback is None or event not in self._call.events:
            return
        form = self._form("initiated" if event == "initiated" else self._call.status)
        form |= {
            "Timestamp": format_datetime(self._pace.now()),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            **extra,
        }
        self._sequence += 1
        self._outbox.put_nowait(form)

    def _form(self, status: str) -> dict[str, str]:
        return {
            "CallSid": self._call.sid,
            "AccountSid": self._account_sid,
            "From": self._call.from_,
            "To": self._call.to,
            "Caller": self._call.from_,
            "Called": self._call.to,
            "CallStatus": status,
            "ApiVersion": "2010-04-01",
            "Direction": "outbound-api",
        }

    async def _deliver(self) -> None:
        """Status callbacks in their order, beside the call: a centre that is down delays nobody's ringing."""
        url = self._call.status_callback
        while (form := await self._outbox.get()) is not None:
            assert url is not None
            trouble = await self._webhooks.deliver(url, form)
            if trouble is None:
                self._note("callback", form["CallStatus"])
            else:
                self._call.callbacks_lost += 1
                self._note("callback_lost", f"{form['CallStatus']}: {trouble}")
