"""Looks each second, and when woken, for due rows. No leader: every process runs one, the rows decide who acts."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError

from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.centre import Centre
from server.escalation import attempts
from server.escalation.calls import apply_update
from server.escalation.model import Attempt, Escalation
from server.escalation.results import OVER
from server.escalation.steps import end_due_windows, lock_alarm, start_due_steps
from server.homes.model import Gateway
from server.homes.supervision import raise_silent_gateways
from server.notify.channel import AnsweredBy, CallState, CallUpdate, ProviderUnavailableError, Retry, ours

log = structlog.get_logger()

CALL_AT_MOST = timedelta(minutes=15)
"""A call that the provider still calls live after this is ended: its number would be busy for everybody else."""
AT_ONCE = 50
"""Attempts that one process has in hand with the provider at a time."""


class Worker:
    """`tick` does all that is due now; `run` ticks for ever."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._owner = f"{socket.gethostname()}-{os.getpid()}"
        self._settings = centre.settings.escalation
        self._busy: set[UUID] = set()

    async def run(self) -> None:
        """Until the process stops. A database that is away is waited for: rows keep what is due."""
        waiter = self._centre.wakeup.subscribe()
        try:
            async with asyncio.TaskGroup() as calls:
                while not self._centre.wakeup.stopped:
                    try:
                        await self._look(calls)
                    except (SQLAlchemyError, OSError) as error:
                        log.error("escalation waits for the database", error=type(error).__name__)
                    await self._centre.wakeup.wait(self._settings.poll_s, waiter)
        finally:
            self._centre.wakeup.unsubscribe(waiter)

    async def tick(self) -> int:
        """Everything that is due at the clock's now, done to its end. Returns how many rows were looked at."""
        async with asyncio.TaskGroup() as calls:
            return await self._look(calls)

    async def _look(self, calls: asyncio.TaskGroup) -> int:
        """Rows are worked here; what needs the provider goes on in `calls`: no alarm waits for another's."""
        db, now = self._centre.db, self._centre.clock.now()
        due = await self._due(now)
        done = 0
        health = self._centre.health
        health.listening_since = (health.listening_since or now) if health.broker_connected() else None
        if due.windows:
            done += await end_due_windows(db, now)
        if due.windows or due.steps:
            done += await start_due_steps(db, now)
        if done or due.attempts:
            done += await self._each(calls, now, ("sending",), self._recover)
            done += await self._each(calls, now, ("placed", "ringing", "answered"), self._ask)
            done += await self._each(calls, now, ("pending",), self._make)
        if due.gateways:
            done += await raise_silent_gateways(self._centre, now)
        self._centre.health.worker_ticked_at = self._centre.clock.now()
        return done

    async def _due(self, now: datetime) -> Row[bool, bool, bool, bool]:
        """What there is to do, in one question: most looks find nothing, and each commit causes one."""
        window = select(Alarm.id).where(Alarm.state == State.PRE_ALARM, Alarm.pre_alarm_until <= now)
        gateway = select(Gateway.id).where(Gateway.silent_due_at <= now, Gateway.silent_since.is_(None))
        step = select(Escalation.id).where(Escalation.due_at <= now)
        attempt = select(Attempt.id).where(Attempt.due_at <= now, Attempt.state.not_in(OVER))
        async with self._centre.db.read() as session:
            return (
                await session.execute(
                    select(
                        window.exists().label("windows"),
                        gateway.exists().label("gateways"),
                        step.exists().label("steps"),
                        attempt.exists().label("attempts"),
                    )
                )
            ).one()

    async def _each(
        self,
        calls: asyncio.TaskGroup,
        now: datetime,
        states: tuple[str, ...],
        act: Callable[[UUID], Coroutine[None, None, None]],
    ) -> int:
        ids = await attempts.due_attempts(self._centre.db, now, states, self._busy, AT_ONCE - len(self._busy))
        for attempt_id in ids:
            self._busy.add(attempt_id)
            calls.create_task(self._one(attempt_id, act))
        return len(ids)

    async def _one(self, attempt_id: UUID, act: Callable[[UUID], Coroutine[None, None, None]]) -> None:
        try:
            await act(attempt_id)
        except (SQLAlchemyError, OSError) as error:  # its row is still due, or becomes so when its lease ends
            log.error("attempt waits for the database", attempt=str(attempt_id), error=type(error).__name__)
        finally:
            self._busy.discard(attempt_id)

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
        placed_at = attempt.placed_at or attempt.created_at
        if not state.is_over and self._centre.clock.now() - placed_at > CALL_AT_MOST:
            await voice.hang_up(attempt.provider_id)
            state = CallState.FAILED
        by = call.answered_by if call else AnsweredBy.UNKNOWN
        now = self._centre.clock.now()
        async with self._centre.db.write() as session:
            alarm = await lock_alarm(session, attempt.alarm_id)
            row = await attempts.lock_attempt(session, attempt_id)
            update = CallUpdate(attempt_id, attempt.provider_id, state, by, None)
            await apply_update(session, alarm, row, update, now)
            if row.due_at is not None and row.hang_up == attempt.hang_up:  # not over a hang-up asked for meanwhile
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
