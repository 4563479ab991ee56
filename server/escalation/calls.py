"""T5 and T6 as the telephone's callbacks ask for them (notify/channel.py: Calls)."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from devices.events import Mode
from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.centre import Centre
from server.escalation.acceptance import accept
from server.escalation.attempts import lock_attempt
from server.escalation.model import Attempt
from server.escalation.results import OVER, failed, note
from server.escalation.steps import lock_alarm
from server.notify.channel import (
    AnswerContext,
    AnsweredBy,
    CallState,
    CallUpdate,
    KeyOutcome,
    KeyResult,
)
from server.residents.model import Resident

log = structlog.get_logger()

_ENDS = {
    CallState.BUSY: "busy",
    CallState.NO_ANSWER: "no_answer",
    CallState.FAILED: "error",
    CallState.CANCELED: "no_answer",
}
_RANK = {"pending": 0, "sending": 0, "placed": 1, "ringing": 2, "answered": 3}
_PROGRESS = {CallState.PLACED: "placed", CallState.RINGING: "ringing", CallState.ANSWERED: "answered"}


class EscalationCalls:
    """The engine's side of a telephone call."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre

    async def call_update(self, update: CallUpdate) -> None:
        """T5. The provider's id is kept even when T4 never ran; the sequence only rises; an end is final."""
        now = self._centre.clock.now()
        async with self._centre.db.write() as session:
            found = await self._locked(session, update.attempt_id)
            if found is None:
                log.warning("call_update for an attempt that is not ours", attempt=str(update.attempt_id))
                return
            alarm, attempt = found
            await apply_update(session, alarm, attempt, update, now)

    async def answer_context(self, attempt_id: UUID) -> AnswerContext | None:
        """What to say to whoever answered."""
        async with self._centre.db.read() as session:
            attempt = await session.get(Attempt, attempt_id)
            alarm = await session.get(Alarm, attempt.alarm_id) if attempt else None
            if attempt is None or alarm is None:
                return None
            resident = await session.get(Resident, alarm.resident_id) if alarm.resident_id else None
        minutes = (self._centre.clock.now() - alarm.event_at).total_seconds() / 60
        over = alarm.state == State.CLOSED or (alarm.accepted_at is not None and alarm.accepted_attempt != attempt.id)
        return AnswerContext(
            language=attempt.language,
            resident_name=resident.name if resident else None,
            kind=alarm.kind,
            mode=Mode(alarm.mode),
            minutes=int(max(0, minutes)),
            over=over,
        )

    async def key_pressed(self, attempt_id: UUID, provider_id: str, digit: str) -> KeyResult:
        """1 accepts, 2 declines, 3 repeats. Only a key accepts; "answered" and "completed" never do."""
        now = self._centre.clock.now()
        async with self._centre.db.write() as session:
            found = await self._locked(session, attempt_id)
            if found is None:
                return KeyResult(KeyOutcome.UNKNOWN)
            alarm, attempt = found
            attempt.provider_id = attempt.provider_id or provider_id
            if digit == "1":
                return await accept(session, alarm, attempt, now, self._centre.settings.escalation.accepted_duty_s)
            if digit == "2":
                if attempt.state not in OVER:
                    await failed(session, alarm, attempt, "declined", now)
                return KeyResult(KeyOutcome.DECLINED)
            return KeyResult(KeyOutcome.REPEAT if digit == "3" else KeyOutcome.UNKNOWN)

    async def _locked(self, session: AsyncSession, attempt_id: UUID) -> tuple[Alarm, Attempt] | None:
        peek = await session.get(Attempt, attempt_id)
        if peek is None:
            return None
        alarm = await lock_alarm(session, peek.alarm_id)
        return alarm, await lock_attempt(session, attempt_id)


async def apply_update(
    session: AsyncSession, alarm: Alarm, attempt: Attempt, update: CallUpdate, now: datetime
) -> None:
    """What the provider says of a call, by callback or because we asked. The caller holds both locks."""
    if attempt.provider_id is None:
        attempt.provider_id = update.provider_id
    elif attempt.provider_id != update.provider_id:
        log.warning("a second call of one attempt", attempt=str(attempt.id))
        return
    if attempt.state in OVER:
        return
    if update.seq is not None:
        if update.seq <= attempt.seq:
            return
        attempt.seq = update.seq
    if update.state.is_over:
        machine = update.answered_by is AnsweredBy.MACHINE or attempt.detail == AnsweredBy.MACHINE.value
        result = _ENDS.get(update.state) or ("voicemail" if machine else "no_key")
        await failed(session, alarm, attempt, result, now)
        return
    if update.answered_by is AnsweredBy.MACHINE:
        attempt.detail = AnsweredBy.MACHINE.value
    progress = _PROGRESS[update.state]
    if _RANK[progress] <= _RANK.get(attempt.state, 9):
        return
    attempt.state = progress
    attempt.owner = attempt.lease_until = None
    attempt.placed_at = attempt.placed_at or now
    if progress == "answered":
        attempt.answered_at = now
    await note(session, alarm, attempt, now)
