"""Puts timeline entries into words. An entry that a later release writes is shown by its name, never left out."""

from collections.abc import Callable, Mapping
from datetime import datetime

from server.alarms.views import TimelineView
from server.console import words
from server.console.wording import Wording
from server.console.words import N_

Body = Mapping[str, object]


def line(wording: Wording, entry: TimelineView, devices: Mapping[str, str], now: datetime) -> str:
    """The entry in one sentence. `devices` are the names of devices by their id."""
    if entry.kind == "attempt":
        return _attempt(wording, entry.body)
    if entry.kind not in _SENTENCES:
        return entry.kind.replace("_", " ")
    message, values = _SENTENCES[entry.kind]
    return wording.say(message) % values(_Facts(wording, entry.body, devices, now))


class _Facts:
    """The entry's body, each member said in the page's language."""

    def __init__(self, wording: Wording, body: Body, devices: Mapping[str, str], now: datetime) -> None:
        self.wording, self.body, self.devices, self.now = wording, body, devices, now

    def text(self, name: str) -> str:
        return str(self.body.get(name) or "")

    def kind(self) -> str:
        return self.wording.kind(self.text("kind"))

    def device(self) -> str:
        return self.devices.get(self.text("device"), self.text("device"))

    def ladder(self) -> str:
        return self.wording.ladder(self.text("ladder"))

    def person(self) -> str:
        relation = self.text("relation")
        return f"{self.wording.person(relation)} {self.text('person')}".strip()

    def people(self) -> str:
        people = self.body.get("people")
        names = [str(p) for p in people] if isinstance(people, list) else []
        return self.wording.list_of(names) or self.wording.say("everybody at the board")

    def step(self) -> str:
        step = self.body.get("step")
        return str(step + 1) if isinstance(step, int) else "?"

    def until(self) -> str:
        try:
            return self.wording.clock(datetime.fromisoformat(self.text("until")), self.now)
        except ValueError:
            return self.text("until")

    def outcome(self) -> str:
        note = self.text("note")
        return self.wording.outcome(self.text("outcome")) + (f" · {note}" if note else "")


def _nothing(_: _Facts) -> dict[str, str]:
    return {}


def _kind_and_device(facts: _Facts) -> dict[str, str]:
    return {"kind": facts.kind(), "device": facts.device()}


def _ladder_and_step(facts: _Facts) -> dict[str, str]:
    return {"ladder": facts.ladder(), "step": facts.step()}


_SENTENCES: dict[str, tuple[str, Callable[[_Facts], dict[str, str]]]] = {
    "alarm_opened": (N_("Reached the centre, alarm opened: %(kind)s, %(device)s"), _kind_and_device),
    "signal_joined": (N_("Again, joined this alarm: %(kind)s, %(device)s"), _kind_and_device),
    "signal_cleared": (
        N_("Over again: %(kind)s, %(device)s. The alarm stays until a person closes it"),
        _kind_and_device,
    ),
    "pre_alarm_started": (N_("May be taken back until %(until)s"), lambda f: {"until": f.until()}),
    "pre_alarm_over": (N_("Not taken back: the alarm stands"), _nothing),
    "cancelled_by_resident": (N_("Taken back by the resident: %(device)s"), lambda f: {"device": f.device()}),
    "cancel_too_late": (
        N_("The resident tried to take it back, too late: %(device)s"),
        lambda f: {"device": f.device()},
    ),
    "priority_raised": (N_("Graver now: %(kind)s"), lambda f: {"kind": f.kind()}),
    "step_started": (
        N_("%(ladder)s, step %(step)s: %(people)s"),
        lambda f: {**_ladder_and_step(f), "people": f.people()},
    ),
    "step_skipped": (N_("%(ladder)s, step %(step)s skipped: nobody to reach"), _ladder_and_step),
    "ladder_ended": (
        N_("%(ladder)s stopped: %(why)s"),
        lambda f: {"ladder": f.ladder(), "why": f.wording.word(words.ENDINGS, f.text("why"))},
    ),
    "ladder_exhausted": (N_("%(ladder)s: everybody tried, nobody accepted"), lambda f: {"ladder": f.ladder()}),
    "accepted": (N_("%(person)s has accepted and is asked to go"), lambda f: {"person": f.person()}),
    "duty": (
        N_("%(person)s %(duty)s"),
        lambda f: {"person": f.person(), "duty": f.wording.word(words.DUTIES, f.text("duty"))},
    ),
    "duty_overdue": (
        N_("%(person)s accepted and gave no further sign: the next helper is called"),
        lambda f: {"person": f.person()},
    ),
    "claimed": (N_("Taken by %(name)s"), lambda f: {"name": f.text("name")}),
    "note": (N_("Note: %(text)s"), lambda f: {"text": f.text("text")}),
    "closed": (N_("Closed: %(outcome)s"), lambda f: {"outcome": f.outcome()}),
    "person_told": (N_("The home has told the resident that a person has it"), _nothing),
    "person_not_told": (N_("The home could not tell the resident that a person has it"), _nothing),
    "ladder_failed": (N_("%(ladder)s cannot be read and was stopped: call by hand"), lambda f: {"ladder": f.ladder()}),
    "plan_failed": (N_("Plan %(plan)s cannot be read and was passed over"), lambda f: {"plan": f.text("plan")}),
    "rule_failed": (N_("Rule %(rule)s failed"), lambda f: {"rule": f.text("rule")}),
}


def _attempt(wording: Wording, body: Body) -> str:
    facts = _Facts(wording, body, {}, datetime.min)  # noqa: DTZ901  # no moment is said of an attempt
    state, result = facts.text("state"), facts.text("result")
    said = wording.word(words.RESULTS, result) if state == "failed" and result else wording.word(words.ATTEMPTS, state)
    return wording.say("%(person)s: %(state)s") % {"person": facts.person(), "state": said}


KNOWN = frozenset({*_SENTENCES, "attempt"})
"""Kinds of entries that have a sentence."""
