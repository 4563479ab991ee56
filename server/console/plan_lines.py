"""The plan as lines of one list: who is being reached, and how far that is."""

from dataclasses import dataclass
from datetime import datetime

from server.alarms.views import AlarmPage, AttemptView, StepView
from server.console import words
from server.console.wording import Wording

_SIGN = {"pending": "wait", "failed": "fail", "declined": "fail", "accepted": "done", "cancelled": "off"}


@dataclass(frozen=True, slots=True)
class PlanLine:
    """`sign`: done, now, fail, wait or off. `until`: when a waiting line begins, for a count-down."""

    ladder: str
    who: str
    phone: str | None
    state: str
    sign: str
    until: datetime | None = None
    since: datetime | None = None


def plan_lines(wording: Wording, page: AlarmPage, whole_numbers: bool) -> list[PlanLine]:
    """Every step of the plan, in its order."""
    lines: list[PlanLine] = []
    for step in page.steps:
        if "operators" in step.targets:
            lines.append(_operators(wording, page, step))
        lines += _attempts(wording, step, whole_numbers)
        if not step.attempts and step.targets != ("operators",):
            lines.append(_to_come(wording, step))
    return lines


def _operators(wording: Wording, page: AlarmPage, step: StepView) -> PlanLine:
    row, ladder = page.row, wording.ladder(step.ladder)
    who = wording.say("An operator takes the alarm")
    if row.claimed_by and row.claimed_at:
        after = wording.duration((row.claimed_at - row.raised_at).total_seconds())
        state = wording.say("%(name)s, after %(time)s") % {"name": row.claimed_by, "time": after}
        return PlanLine(ladder, who, None, state, "done")
    if row.state == "closed":
        return PlanLine(ladder, who, None, wording.word(words.STATES, "closed"), "off")
    return PlanLine(ladder, who, None, wording.say("waiting"), "now", since=row.raised_at)


def _attempts(wording: Wording, step: StepView, whole: bool) -> list[PlanLine]:
    latest: dict[str, tuple[AttemptView, int]] = {}
    for attempt in step.attempts:
        latest[attempt.address] = (attempt, latest.get(attempt.address, (attempt, 0))[1] + 1)
    lines: list[PlanLine] = []
    for attempt, times in latest.values():
        state = wording.word(words.ATTEMPTS, attempt.state)
        if attempt.state == "failed" and attempt.result:
            state = wording.word(words.RESULTS, attempt.result)
        if times > 1:
            state = wording.say("%(state)s (try %(n)s)") % {"state": state, "n": times}
        who = f"{wording.person(attempt.relation)} {attempt.person}".strip()
        sign = _SIGN.get(attempt.state, "now")
        lines.append(PlanLine(wording.ladder(step.ladder), who, wording.phone(attempt.address, whole), state, sign))
    return lines


def _to_come(wording: Wording, step: StepView) -> PlanLine:
    targets = [_target(wording, target) for target in step.targets if target != "operators"]
    people = [f"{wording.person(each.relation)} {each.name}".strip() for each in step.people]
    who = wording.list_of(people) or wording.list_of(targets)
    ladder = wording.ladder(step.ladder)
    if step.state == "skipped":
        return PlanLine(ladder, who, None, wording.say("skipped: nobody to reach"), "fail")
    if step.state == "halted":
        return PlanLine(ladder, who, None, wording.word(words.ATTEMPTS, "cancelled"), "off")
    if step.due_at is not None:
        return PlanLine(ladder, who, None, wording.say("starts in"), "wait", until=step.due_at)
    return PlanLine(ladder, who, None, wording.say("after the one before"), "wait")


def _target(wording: Wording, target: str) -> str:
    kind, _, which = target.partition(":")
    if kind == "responder":
        return wording.person(which)
    return wording.say("Contact %(n)s") % {"n": which} if which.isdigit() else wording.say("All contacts")
