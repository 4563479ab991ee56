"""The plan as the operator sees it: each step of each ladder, past, running or to come, with its attempts."""

from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from server.alarms.model import Alarm
from server.alarms.views import AttemptView, PersonView, StepView
from server.escalation.model import Attempt, Escalation
from server.escalation.plan import DUTY, Ladder
from server.escalation.results import OVER
from server.escalation.targets import reaches


async def step_views(
    session: AsyncSession, alarm: Alarm, escalations: Sequence[Escalation], attempts: Sequence[Attempt]
) -> tuple[StepView, ...]:
    """Ladders in the plan's order, their steps from the first."""
    views: list[StepView] = []
    for row in escalations:
        if row.ladder == DUTY:
            continue
        try:
            ladder = Ladder.model_validate(row.plan_snapshot, extra="ignore")
        except ValidationError:  # the worker ends it and says so in the timeline
            continue
        for number, step in enumerate(ladder.steps):
            made = [a for a in attempts if a.ladder == row.ladder and a.step == number]
            if made:
                people = tuple(dict.fromkeys(PersonView(a.person, a.relation) for a in made))
            else:
                found = await reaches(session, step, alarm.resident_id, alarm.region)
                people = tuple(dict.fromkeys(PersonView(r.person, r.relation) for r in found))
            views.append(
                StepView(
                    ladder=row.ladder,
                    step=number,
                    state=_state(row, number, made),
                    targets=tuple(step.targets),
                    people=people,
                    due_at=row.due_at if row.ended is None and row.step == number else None,
                    attempts=tuple(attempt_view(a) for a in made),
                )
            )
    return tuple(views)


def _state(row: Escalation, number: int, made: list[Attempt]) -> str:
    if any(a.state not in OVER for a in made):
        return "running"
    begun = number < row.step or (number == row.step and row.round > 0)
    if begun:
        last = number == row.step - 1 or row.round > 0
        if not made and last and row.ended is None:
            return "running"  # the operators' step runs on the board until its time is over
        return "done" if made or row.ended in ("claimed", "accepted", "exhausted") else "skipped"
    return "waiting" if row.ended is None else "halted"


def attempt_view(attempt: Attempt) -> AttemptView:
    """One attempt as a plain value."""
    return AttemptView(
        id=attempt.id,
        ladder=attempt.ladder,
        step=attempt.step,
        round=attempt.round,
        try_=attempt.try_,
        person=attempt.person,
        relation=attempt.relation,
        address=attempt.address,
        channel=attempt.channel,
        state=attempt.state,
        result=attempt.result,
        detail=attempt.detail,
        created_at=attempt.created_at,
        placed_at=attempt.placed_at,
        answered_at=attempt.answered_at,
        ended_at=attempt.ended_at,
        provider_id=attempt.provider_id,
    )
