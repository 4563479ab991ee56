"""Whatever the centre can say, the console can say it in both languages."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.events import KINDS
from server.alarms.lifecycle import Duty, State
from server.alarms.outcomes import OUTCOMES
from server.alarms.views import TimelineView
from server.console import messages, words
from server.console.timeline_lines import KNOWN, line
from server.console.wording import Wording

SERVER = Path(words.__file__).parents[1]
NOW = datetime(2026, 3, 1, 18, 14, 14, tzinfo=UTC)


def test_every_translation_is_there() -> None:
    assert messages.mistakes() == []


def test_missing_and_unused_translations_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = messages._FILES["zh-CN"].read_text()
    damaged = whole.replace('msgstr "一键呼救"', 'msgstr ""').replace('msgid "Fall"', 'msgid "Tumble"', 1)
    damaged = damaged.replace('msgstr "%(n)s 分钟"', 'msgstr "%(m)s 分钟"')
    file = tmp_path / "console.po"
    file.write_text(damaged.replace('msgid "Smoke"', '#, fuzzy\nmsgid "Smoke"'))
    monkeypatch.setattr(messages, "_FILES", {"zh-CN": file})
    found = "\n".join(messages.mistakes())
    for expected in (
        "not translated: 'Emergency call'",
        "not translated: 'Fall'",
        "no longer used: 'Tumble'",
        "fuzzy: 'Smoke'",
        "placeholders missing of '%(n)s min'",
    ):
        assert expected in found
    assert messages.main(["check"]) == 1
    assert messages.main(["help"]) == 2


def test_updating_changes_nothing_that_is_complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "console.po"
    file.write_bytes(messages._FILES["zh-CN"].read_bytes())
    before = file.read_text()
    monkeypatch.setattr(messages, "_FILES", {"zh-CN": file})
    assert messages.main(["update"]) == 0
    assert file.read_text() == before


def test_every_code_has_its_word() -> None:
    assert set(KINDS) <= set(words.KINDS)
    assert set(OUTCOMES) | {"cancelled"} == set(words.OUTCOMES)
    assert set(State) == set(words.STATES)
    assert set(Duty) == set(words.DUTIES)


def test_every_timeline_entry_has_its_sentence() -> None:
    """Looks through the source for what is ever written."""
    source = "\n".join(path.read_text() for path in SERVER.rglob("*.py"))
    calls = re.findall(r"timeline\.append\(\s*session,\s*alarm,\s*now,\s*\"(\w+)\"", source)
    assert len(set(calls)) > 10, "the pattern still finds them"
    written = {*calls, "cancelled_by_resident", "cancel_too_late", "person_told", "person_not_told"}
    assert written <= KNOWN


@pytest.mark.parametrize("language", list(messages.LANGUAGES))
@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_sentences_never_fail_on_a_thin_body(language: str, kind: str) -> None:
    wording = Wording(language, "Asia/Shanghai")
    assert line(wording, TimelineView(1, NOW, kind, "system", {}), {}, NOW)


def test_unknown_things_are_shown_as_they_are() -> None:
    wording = Wording("zh-CN", "Asia/Shanghai")
    assert line(wording, TimelineView(1, NOW, "sent_to_moon", "system", {}), {}, NOW) == "sent to moon"
    assert wording.kind("earth_quake") == "earth quake"
    assert wording.person("step_aunt") == "step aunt"


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0.31, "0.3 秒", "0.3 s"),
        (37, "37 秒", "37 s"),
        (600, "10 分钟", "10 min"),
        (12000, "3 小时 20 分", "3 h 20 min"),
        (864000, "10 天", "10 days"),
    ],
)
def test_durations(seconds: float, zh: str, en: str) -> None:
    assert Wording("zh-CN", "Asia/Shanghai").duration(seconds) == zh
    assert Wording("en", "Asia/Shanghai").duration(seconds) == en


def test_moments_are_the_site_s() -> None:
    wording = Wording("en", "Asia/Shanghai")
    assert wording.clock(NOW, NOW) == "02:14:14"
    assert wording.clock(NOW.replace(hour=3), NOW) == "03-01 11:14:14", "another day there"


@pytest.mark.parametrize(
    ("number", "masked"),
    [("+8613812342231", "138····2231"), ("+4915112345678", "+49····5678"), ("12345", "12345")],
)
def test_numbers_are_masked(number: str, masked: str) -> None:
    assert Wording.phone(number, whole=False) == masked
