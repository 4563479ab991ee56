"""Looks each second, and when woken, for due rows. No leader: every process runs one, the rows decide who acts."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.centre import Centre
from server.escalation import attempts
from server.escalation.calls import apply_update
from server.escalation.model import Attempt
from server.escalation.steps import end_due_windows, lock_alarm, start_due_steps
from server.homes.supervision import raise_silent_gateways
from server.notify.channel import AnsweredBy, CallState, CallUpdate, ProviderUnavailableError, Retry, ours

log = structlog.get_logger()


class Worker:
    """`tick` does all that is due now; `run` ticks for ever."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._owner = f"{socket.gethostname()}-{os.getpid()}"
        self._settings = centre.settings.escalation

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for: rows keep what is due."""
        waiter = self._centre.wakeup.subscribe()
        try:
            while True:
                try:
                    await self.tick()
                except* (SQLAlchemyError, OSError) as errors:
                    names = sorted({type(error).__name__ for error in errors.exceptions})
                    log.error("escalation waits for the database", errors=names)
                await self._centre.wakeup.wait(self._settings.poll_s, waiter)
        finally:
            self._centre.wakeup.unsubscribe(waiter)

    async def tick(self) -> int:
        """Everything that is due at the clock's now. Returns how many rows were looked at."""
        db, now = self._centre.db, self._centre.clock.now()
        done = await end_due_windows(db, now)
        done += await raise_silent_gateways(self._centre, now)
        done += await start_due_steps(db, now)
        done += await self._each(attempts.due_attempts(db, now, ("sending",)), self._recover)
        done += await self._each(attempts.due_attempts(db, now, ("placed", "ringing", "answered")), self._ask)
        done += await self._each(attempts.due_attempts(db, now, ("pending",)), self._make)
        self._centre.health.worker_ticked_at = self._centre.clock.now()
        return done

    async def _each(self, due: Awaitable[list[UUID]], act: Callable[[UUID], Coroutine[None, None, None]]) -> int:
        """All at once: a slow provider must not make the second call wait for the first."""
        ids = await due
        async with asyncio.TaskGroup() as group:
            for attempt_id in ids:
                group.create_task(act(attempt_id))
        return len(ids)

    async def _make(self, attempt_id: UUID) -> None:
        db, settings = self._centre.db, self._settings
        claimed = await attempts.claim(db, attempt_id, self._owner, self._centre.clock.now(), settings)
        if claimed is None:
            return
        outcome = await self._centre.voice.place(claimed.call)
        await attempts.record(db, claimed, self._owner, outcome, self._centre.clock.now(), settings)

    async def _recover(self, attempt_id: UUID) -> None:
        """T7: sent, and no word of it. Adopt by provider id, else ask the provider, else send again."""
        attempt, known = await self._attempt(attempt_id)
        provider_id = attempt.provider_id
        if provider_id is None:
            try:
                found = await self._centre.voice.find(attempt.address, attempt.created_at)
            except ProviderUnavailableError as error:
                await self._put_off(attempt_id, error.after_s)
                return
            call = ours(found, known)
            provider_id = call.provider_id if call else None
        await attempts.adopt(self._centre.db, attempt_id, provider_id, self._centre.clock.now(), self._settings)

    async def _ask(self, attempt_id: UUID) -> None:
        """A call whose callbacks stay away is asked for; one that is no longer wanted is hung up."""
        attempt, _ = await self._attempt(attempt_id)
        voice = self._centre.voice
        if attempt.provider_id is None:
            return
        if attempt.hang_up:
            hung = await voice.hang_up(attempt.provider_id)
            if isinstance(hung, Retry):
                await self._put_off(attempt_id, hung.after_s)
                return
        try:
            call = await voice.fetch(attempt.provider_id)
        except ProviderUnavailableError as error:
            await self._put_off(attempt_id, error.after_s)
            return
        state = call.state if call else CallState.FAILED
        by = call.answered_by if call else AnsweredBy.UNKNOWN
        now = self._centre.clock.now()
        async with self._centre.db.write() as session:
            alarm = await lock_alarm(session, attempt.alarm_id)
            row = await attempts.lock_attempt(session, attempt_id)
            update = CallUpdate(attempt_id, attempt.provider_id, state, by, None)
            await apply_update(session, alarm, row, update, now)
            if row.due_at is not None:
                row.due_at = now + timedelta(seconds=self._settings.call_poll_s)

    async def _attempt(self, attempt_id: UUID) -> tuple[Attempt, set[str]]:
        """The attempt, and the provider ids that attempts to its number already have."""
        async with self._centre.db.read() as session:
            attempt = await session.get(Attempt, attempt_id)
            assert attempt is not None
            query = select(Attempt.provider_id).where(
                Attempt.address == attempt.address, Attempt.provider_id.is_not(None)
            )
            known = {provider_id for provider_id in await session.scalars(query) if provider_id}
        return attempt, known

    async def _put_off(self, attempt_id: UUID, seconds: float) -> None:
        until: datetime = self._centre.clock.now() + timedelta(seconds=max(1.0, seconds))
        await attempts.put_off(self._centre.db, attempt_id, until)
