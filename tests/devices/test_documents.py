"""What vendors read is what the decoder does: every kind is documented, every example decodes."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.events import KINDS, READING_KINDS
from devices.recording import Recording
from devices.vendors import _template
from devices.vendors.native import _PHASES
from tests.devices.play import Player, kinds, player

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "native-device.md", DOCS / "native-device.zh-CN.md"]


def examples(page: Path) -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_kind_is_in_the_tables(page: Path) -> None:
    documented: dict[str, tuple[str, ...]] = {}
    for cells in re.findall(r"^\| (`[a-z0-9_` ]+`) \| ([a-z, ]+) \|", page.read_text(), re.MULTILINE):
        for kind in re.findall(r"[a-z0-9_]+", cells[0]):
            documented[kind] = tuple(cells[1].split(", "))
    readings = set(re.findall(r"^\| `([a-z0-9_]+)` \| `", page.read_text(), re.MULTILINE)) - set(documented)
    assert {k: v for k, v in documented.items() if k in KINDS} == {k: v for k, v in _PHASES.items() if k in KINDS}
    assert readings == set(READING_KINDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_event_is_understood(page: Path) -> None:
    decoded = player("native").say("anhu/device/v1/my_button/up", json.dumps(examples(page)[0]))
    assert kinds(decoded) == ["sos"]
    assert decoded.problems == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_error_is_what_a_device_is_told(page: Path) -> None:
    wrong = examples(page)[0] | {"body": {"press": "hard"}}
    (problem,) = player("native").say("anhu/device/v1/my_button/up", json.dumps(wrong)).problems
    assert examples(page)[1]["errors"] == [{"id": problem.id, "field": problem.field, "problem": problem.problem}]


def test_the_example_recording_plays() -> None:
    (example,) = examples(DOCS / "add-a-device.md")
    recording = msgspec.convert(example, Recording)
    at = player(recording.source)
    for message in recording.messages:
        reports, problems = at.record(message)
        assert [{"device": recording.device, **expect} for expect in message.expect] == reports
        assert problems == []


def test_the_template_keeps_its_word() -> None:
    at = Player(_template.DECODER, "template")
    pressed = '{"button":"pressed"}'
    assert kinds([at.say("template/a", pressed), at.say("template/a", pressed)]) == ["sos"]
    assert kinds([at.say("template/a", "{}"), at.say("template/a", pressed, retained=True)]) == []
