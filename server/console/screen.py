"""The alarm page, said in one language: who, where, what, who can help, what happened."""

from dataclasses import dataclass
from datetime import datetime

from server.accounts.actor import Actor
from server.alarms.lifecycle import Duty, State
from server.alarms.views import AlarmPage, ResidentView, SignalView
from server.console import words
from server.console.cards import Card, card
from server.console.plan_lines import PlanLine, plan_lines
from server.console.timeline_lines import line
from server.console.wording import Wording

_NEXT = {
    Duty.ACCEPTED: Duty.ON_THE_WAY,
    Duty.ON_THE_WAY: Duty.ON_SITE,
    Duty.ON_SITE: Duty.INSIDE,
}


_IMPORTANT = ("claimed", "accepted", "closed", "note")


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the timeline."""

    at: datetime
    text: str
    by: str
    important: bool


@dataclass(frozen=True, slots=True)
class Raw:
    """A device's own message."""

    id: str
    title: str
    topic: str
    data: str


@dataclass(frozen=True, slots=True)
class Screen:
    """`mine`: the reader has this alarm, and sees what only the one who acts may see."""

    card: Card
    headline: str
    summary: list[str]
    resident: ResidentView | None
    conditions: str
    allergies: str
    ability: str
    readings: list[tuple[str, str, str]]  # what, how much, how long ago
    key_safe: str  # "" where there is none, or the reader does not have the alarm
    has_key_safe: bool
    home_phone: str
    mine: bool
    taken: bool
    closed: bool
    closing: str
    plan: list[PlanLine]
    next_duty: str | None
    helper: str
    questions: tuple[str, ...]
    timeline: list[Said]
    raws: list[Raw]


def alarm_screen(wording: Wording, page: AlarmPage, actor: Actor, now: datetime) -> Screen:
    """The page as its reader may see it."""
    row, resident = page.row, page.resident
    closed = row.state == State.CLOSED
    mine = row.claimed_by_id == actor.account_id and not closed
    devices = {s.device: wording.name(s.device_name) or s.device for s in page.signals}
    following = _NEXT.get(Duty(row.duty)) if row.duty and not closed else None
    return Screen(
        card=card(wording, row, now),
        headline=_headline(wording, page, now),
        summary=_summary(wording, page, now),
        resident=resident,
        conditions=_of_health(wording, resident, "conditions", "medicines"),
        allergies=_of_health(wording, resident, "allergies"),
        ability=_ability(wording, resident),
        readings=_readings(wording, page, now),
        key_safe=resident.key_safe if resident and mine else "",
        has_key_safe=bool(resident and resident.key_safe),
        home_phone=wording.phone(resident.phone, mine) if resident and resident.phone else "",
        mine=mine,
        taken=row.claimed_by_id is not None,
        closed=closed,
        closing=_closing(wording, page),
        plan=plan_lines(wording, page, mine),
        next_duty=following.value if following else None,
        helper=row.accepted_by or "",
        questions=tuple(wording.say(q) for q in words.questions_for(row.kind, row.priority)),
        timeline=_timeline(wording, page, devices, now),
        raws=[_raw(wording, s, now) for s in page.signals if s.raw],
    )


def _headline(wording: Wording, page: AlarmPage, now: datetime) -> str:
    row, resident = page.row, page.resident
    if resident is None:
        return wording.subject(row)
    age = wording.years(resident.born, now)
    facts = [
        resident.name,
        wording.say("%(n)s years old") % {"n": age} if age is not None else "",
        *(wording.word(words.CATEGORIES, c) for c in resident.categories),
        wording.say(words.HEARING[resident.hearing]) if resident.hearing in words.HEARING else "",
    ]
    return wording.sentence_of(facts)


def _summary(wording: Wording, page: AlarmPage, now: datetime) -> list[str]:
    row = page.row
    first = next((s for s in page.signals if s.kind == row.kind), None)
    event_at, received_at = (first.event_at, first.received_at) if first else (row.event_at, row.opened_at)
    way = wording.duration((received_at - event_at).total_seconds())
    moment = wording.clock(event_at, now)
    times = wording.translations.ngettext("once", "%(n)s times", row.presses) % {"n": row.presses}
    parts = [
        wording.list_of([wording.kind(kind) for kind in row.kinds]),
        wording.device(row),
        wording.word(words.ROOMS, row.room),
        times,
        wording.say("%(moment)s, reached the centre after %(way)s") % {"moment": moment, "way": way},
    ]
    if page.resident:
        parts.append(wording.word(words.LANGUAGES, page.resident.language))
    return [part for part in parts if part]


def _of_health(wording: Wording, resident: ResidentView | None, *names: str) -> str:
    health = resident.health if resident else {}
    return " · ".join(wording.list_of(health[name]) for name in names if health.get(name))


def _ability(wording: Wording, resident: ResidentView | None) -> str:
    if resident is None or resident.ability_level is None:
        return ""
    return wording.say("Ability level %(n)s of 4 (0 is able)") % {"n": resident.ability_level}


def _readings(wording: Wording, page: AlarmPage, now: datetime) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for kind, label in words.READINGS.items():
        if kind not in page.readings:
            continue
        value, body, at = page.readings[kind]
        text = f"{value:g}" if value is not None else f"{body.get('systolic')}/{body.get('diastolic')}"
        ago = wording.say("%(time)s ago") % {"time": wording.duration((now - at).total_seconds())}
        found.append((wording.say(label), f"{text} {words.UNITS[kind]}".strip(), ago))
    return found


def _closing(wording: Wording, page: AlarmPage) -> str:
    if page.row.state != State.CLOSED:
        return ""
    return " · ".join(p for p in (wording.outcome(page.row.outcome), page.outcome_note, page.closed_by or "") if p)


def _timeline(wording: Wording, page: AlarmPage, devices: dict[str, str], now: datetime) -> list[Said]:
    """What says the same as the line before it (a call being placed, then placed) is said once."""
    lines: list[Said] = []
    for entry in page.timeline:
        text = line(wording, entry, devices, now)
        if not lines or lines[-1].text != text or entry.kind == "note":
            lines.append(Said(entry.at, text, _by(entry.actor), entry.kind in _IMPORTANT))
    return lines


def _by(actor: str) -> str:
    return "" if actor in ("system", "provider", "resident") else actor


def _raw(wording: Wording, signal: SignalView, now: datetime) -> Raw:
    raw = signal.raw or {}
    title = f"{wording.clock(signal.event_at, now)} {wording.kind(signal.kind)}"
    return Raw(str(signal.event_id), title, raw.get("topic", ""), raw.get("data", ""))
