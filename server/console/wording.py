"""Says values in one language and in the site's time zone: names, ages, durations, moments, telephone numbers."""

import gettext
from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from server.alarms.views import BoardRow
from server.console import words
from server.console.messages import translations

LATE_FROM_S = 30.0
"""From here on an event's way to the centre took so long that everybody must see it."""


class Wording:
    """One language at one site."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self.zone = ZoneInfo(zone)
        self.translations: gettext.NullTranslations = translations(language)

    def say(self, message: str) -> str:
        """The message in this language."""
        return self.translations.gettext(message)

    def word(self, table: Mapping[str, str], code: str | None) -> str:
        """The term for a code of ours; an unknown code is shown as it is."""
        if not code:
            return ""
        return self.say(table[code]) if code in table else code.replace("_", " ")

    def kind(self, code: str) -> str:
        """Of an event."""
        return self.word(words.KINDS, code)

    def outcome(self, code: str | None) -> str:
        """Of a closed alarm."""
        return self.word(words.OUTCOMES, code)

    def person(self, code: str) -> str:
        """Relation or role."""
        return self.word(words.PEOPLE, code)

    def ladder(self, code: str) -> str:
        """Of a plan."""
        return self.word(words.LADDERS, code)

    def name(self, names: Mapping[str, str]) -> str:
        """The name in this language, or whichever there is."""
        return names.get(self.language) or next(iter(names.values()), "")

    def list_of(self, items: list[str]) -> str:
        """Items in one line."""
        return ("、" if self.language == "zh-CN" else ", ").join(item for item in items if item)

    def sentence_of(self, items: list[str]) -> str:
        """Facts in one line."""
        return ("，" if self.language == "zh-CN" else ", ").join(item for item in items if item)

    # --- times ----------------------------------------------------------------------------------------------------
    def clock(self, moment: datetime, now: datetime) -> str:
        """02:14:14 today, 03-01 02:14:14 on another day."""
        local, today = moment.astimezone(self.zone), now.astimezone(self.zone).date()
        return local.strftime("%H:%M:%S" if local.date() == today else "%m-%d %H:%M:%S")

    def duration(self, seconds: float) -> str:
        """37 s, 4 min, 3 h 20 min."""
        whole = max(0, round(seconds))
        if whole < 1:
            return self.say("%(n)s s") % {"n": f"{max(seconds, 0):.1f}"}
        if whole < 90:
            return self.say("%(n)s s") % {"n": whole}
        minutes = round(whole / 60)
        if minutes < 90:
            return self.say("%(n)s min") % {"n": minutes}
        if minutes < 48 * 60:
            return self.say("%(h)s h %(m)s min") % {"h": minutes // 60, "m": minutes % 60}
        return self.say("%(n)s days") % {"n": round(minutes / 1440)}

    @staticmethod
    def ticking(since: datetime, now: datetime) -> str:
        """0:23, 17:40, 2:05:09, as the board counts; the page's script goes on counting."""
        whole = max(0, int((now - since).total_seconds()))
        hours, rest = divmod(whole, 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"

    def years(self, born: date | None, now: datetime) -> int | None:
        """Age today."""
        if born is None:
            return None
        today = now.astimezone(self.zone).date()
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    # --- people and places ------------------------------------------------------------------------------------------
    def subject(self, row: BoardRow) -> str:
        """Whom or what the alarm is about."""
        if row.resident_name:
            return row.resident_name
        kind, _, what = row.subject.partition(":")
        if kind == "gateway":
            return self.say("Unknown home (gateway %(id)s)") % {"id": what}
        return self.say("The centre itself: %(what)s") % {"what": what}

    def device(self, row: BoardRow) -> str:
        """Which device called, as its home knows it."""
        name = self.name(row.device_name) or row.device
        if not row.device_registered:
            return self.say("%(name)s (unregistered device)") % {"name": name}
        return name

    def about(self, row: BoardRow, now: datetime) -> str:
        """Age and categories in a few words: 83 · lives alone."""
        age = self.years(row.resident_born, now)
        return " · ".join(
            [*([str(age)] if age is not None else []), *(self.word(words.CATEGORIES, c) for c in row.categories[:2])]
        )

    @staticmethod
    def phone(number: str, whole: bool) -> str:
        """138····2231, or all of it for the operator who has the alarm."""
        local = number.removeprefix("+86")
        return local if whole or len(local) < 8 else f"{local[:3]}····{local[-4:]}"
