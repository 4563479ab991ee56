"""The list of people with telephones: what may stand in it, and how it is refused."""

from pathlib import Path

import pytest

from simulators.phone.people import Answers, Key, Manual, PeopleError, load_people

GOOD = """
people:
  - {number: "+8613900000001", name: 王芳}
  - {number: "+8613900000002", name: 李强, behaviour: {does: answer, after_s: 2, keys: ["9", {press: "1", after_s: 5}]}}
  - {number: "+8613900000003", behaviour: {does: manual}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "people.yaml"
    file.write_text(text)
    return file


def test_people_with_defaults_and_short_keys(tmp_path: Path) -> None:
    wang, li, third = load_people(write(tmp_path, GOOD)).people
    assert wang.behaviour == Answers(keys=(Key(press="1"),))
    assert li.behaviour == Answers(after_s=2, keys=(Key(press="9"), Key(press="1", after_s=5)))
    assert third.behaviour == Manual(does="manual")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people: [{number: '13800'}]", "people.0.number"),
        ("people: [{number: '+8613900000001', age: 3}]", "people.0.age"),
        ("people: [{number: '+8613900000001', behaviour: {does: sing}}]", "people.0.behaviour"),
        (
            "people: [{number: '+8613900000001', behaviour: {does: busy, after_s: 1}}]",
            "people.0.behaviour.busy.after_s",
        ),
        ("people: [{number: '+8613900000001', behaviour: {keys: ['A']}}]", "people.0.behaviour"),
        ("people: [{number: '+8613900000001'}, {number: '+8613900000001'}]", "given twice"),
        ("people: {", "not YAML"),
        ("- 1", "document"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PeopleError, match=told):
        load_people(write(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match="No such file"):
        load_people(tmp_path / "nobody.yaml")
