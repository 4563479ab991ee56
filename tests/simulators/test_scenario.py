"""Scenario files are strict, the shipped ones are sound, and the counting misses neither a lost nor a doubled press."""

from typing import Any

import pytest

from simulators import record, scenario
from simulators.dispatch import Board
from simulators.home import Call


@pytest.mark.parametrize("name", scenario.shipped())
def test_the_shipped_scenarios_can_be_read(name: str) -> None:
    story = scenario.load(name)
    assert story.title.zh
    assert story.title.en
    assert any(step.do in ("press", "fall") for step in story.steps)


def test_the_four_stories_are_there() -> None:
    assert {"sos", "sos_nobody_answers", "fall_cancelled", "gateway_offline"} <= set(scenario.shipped())


def test_an_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(scenario.ScenarioError, match="use one of fall_cancelled, gateway_offline"):
        scenario.load("sosss")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(scenario.ScenarioError, match=r"story\.yaml: No such file"):
        scenario.load("nowhere/story.yaml")


def test_the_schema_knows_every_step() -> None:
    text = str(scenario.schema())
    assert all(f"'{step}'" in text for step in ("press", "fall", "cancel", "kill", "wait_for", "claim", "close"))


def native(id_: str) -> Call:
    return Call("wristband", "sos", 0.0, event_id=id_, names_itself=True)


def zigbee() -> Call:
    return Call("sos_bath", "sos", 0.0)


def board(*signals: tuple[str, str]) -> Board:
    """One alarm with these signals (event id, device)."""
    alarm: dict[str, Any] = {
        "subject": "resident:r-0001",
        "signals": [{"event_id": id_, "device": device, "kind": "sos", "phase": "raise"} for id_, device in signals],
    }
    return Board(alarms={"a": alarm})


@pytest.mark.parametrize(
    ("calls", "seen", "lost", "duplicated"),
    [
        ([native("n")], board(("n", "wristband")), 0, 0),
        ([native("n")], board(), 1, 0),
        ([native("n")], board(("n", "wristband"), ("n", "wristband")), 0, 1),
        ([native("n")], board(("other", "wristband")), 1, 1),
        ([zigbee(), zigbee()], board(("x", "sos_bath"), ("y", "sos_bath")), 0, 0),
        ([zigbee(), zigbee()], board(("x", "sos_bath")), 1, 0),
        ([zigbee()], board(("x", "sos_bath"), ("y", "sos_bath")), 0, 1),
        ([zigbee()], board(("x", "elsewhere")), 1, 1),
    ],
)
def test_what_is_lost_and_what_came_twice(calls: list[Call], seen: Board, lost: int, duplicated: int) -> None:
    counts = record.count(calls, seen)
    assert (counts.lost, counts.duplicated) == (lost, duplicated)
