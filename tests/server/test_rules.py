"""Rules and the floors that no rule can lower."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import SettingsError
from devices.events import KINDS, LIFE, BatteryLow, Fall, Medication, Mode, Phase, Sos, Test, said_from
from server.rules.engine import Rules, load_rules
from server.rules.model import EventRule

SHIPPED = load_rules(None)
NO_RULES = Rules([])


@pytest.mark.parametrize("kind", sorted(LIFE))
@pytest.mark.parametrize("phase", [Phase.RAISE, Phase.UPDATE])
def test_life_always_raises_even_without_any_rule(kind: str, phase: Phase) -> None:
    verdict = NO_RULES.judge(said_from(kind, phase, {}), Mode.ACTUAL).verdict  # type: ignore[arg-type]
    assert verdict is not None
    assert (verdict.priority, verdict.rule) == (1, "floor")


def test_no_rule_lowers_life_or_delays_an_sos() -> None:
    soft = EventRule(type="event", id="soft", kinds=["sos", "fall"], priority=3, pre_alarm_s=60)
    sos = Rules([soft]).judge(Sos(), Mode.ACTUAL).verdict
    fall = Rules([soft]).judge(Fall(), Mode.ACTUAL).verdict
    assert sos is not None
    assert (sos.priority, sos.pre_alarm_s) == (1, 0)
    assert fall is not None
    assert (fall.priority, fall.pre_alarm_s) == (1, 60)


def test_simulated_pages_nobody_and_a_test_is_a_test() -> None:
    assert SHIPPED.judge(Sos(), Mode.SIMULATED).verdict is None
    verdict = SHIPPED.judge(Test(), Mode.ACTUAL).verdict
    assert verdict is not None
    assert verdict.mode is Mode.TEST


def test_a_rule_that_fails_is_named_and_the_others_still_judge() -> None:
    values = {"id": "needs_state", "kinds": ["sos"], "states": ["open"], "phases": [Phase.RAISE], "priority": 2}
    needs_state = EventRule.model_construct(type="event", **values)
    judged = Rules([needs_state]).judge(Sos(), Mode.ACTUAL)
    assert judged.failed[0][0] == "needs_state"
    assert judged.verdict is not None
    assert judged.verdict.priority == 1


def test_states_and_phases_are_looked_at() -> None:
    assert SHIPPED.judge(Medication(state="taken"), Mode.ACTUAL).verdict is None
    assert SHIPPED.judge(Medication(state="missed"), Mode.ACTUAL).verdict is not None
    assert SHIPPED.judge(BatteryLow(phase=Phase.CLEAR), Mode.ACTUAL).verdict is None


@given(st.sampled_from(KINDS), st.sampled_from(list(Phase)), st.sampled_from(list(Mode)))
def test_only_clear_and_simulated_life_is_ever_passed_over(kind: str, phase: Phase, mode: Mode) -> None:
    if kind not in LIFE:
        return
    verdict = SHIPPED.judge(said_from(kind, phase, {}), mode).verdict  # type: ignore[arg-type]
    assert (verdict is None) == (phase is Phase.CLEAR or mode is Mode.SIMULATED)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: [{type: event, id: a, kinds: [sos], priority: 9}]", "rules.0.priority"),
        ("rules: [{type: event, id: a, kinds: [soss], priority: 1}]", "soss"),
        ("rules: [{type: event, id: a, kinds: [sos], priority: 1, colour: red}]", "rules.0.colour"),
        ("rules: [{type: event, id: a, kinds: [sos], states: [open], priority: 1}]", "has no state"),
        ("rules: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_by_path(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=says):
        load_rules(file)


def test_own_rules_are_asked_first(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{type: event, id: urgent_battery, kinds: [battery_low], priority: 2}]")
    verdict = load_rules(file).judge(BatteryLow(), Mode.ACTUAL).verdict
    assert verdict is not None
    assert (verdict.rule, verdict.priority) == ("urgent_battery", 2)
