"""Turns an event into a verdict: an alarm of which priority, or none. The two floors are here, in code."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from devices.errors import SettingsError
from devices.events import LIFE, Event, Mode, Phase, kind_of
from server.rules.model import EventRule, RuleFile


@dataclass(frozen=True, slots=True)
class Verdict:
    """Open or join an alarm. `failed` names a rule that could not be evaluated: a technical alarm of its own."""

    rule: str
    priority: int
    pre_alarm_s: float
    mode: Mode


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules make of one event."""

    verdict: Verdict | None
    failed: tuple[tuple[str, str], ...] = ()  # rule id, error


FLOOR = "floor"
"""The name of the rule that nobody can switch off."""


class Rules:
    """An ordered list of rules; the first that matches decides."""

    def __init__(self, rules: list[EventRule]) -> None:
        self._rules = rules

    def judge(self, event: Event, mode: Mode) -> Judgement:
        """Simulated events are recorded and page nobody. A rule that fails is passed over and named."""
        kind = kind_of(event)
        if kind == "test":
            mode = Mode.TEST
        if mode is Mode.SIMULATED:
            return Judgement(None)
        verdict: Verdict | None = None
        failed: list[tuple[str, str]] = []
        for rule in self._rules:
            try:
                matches = _matches(rule, event, kind)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                failed.append((rule.id, f"{type(error).__name__}: {error}"))
                continue
            if matches:
                verdict = Verdict(rule.id, rule.priority, rule.pre_alarm_s, mode)
                break
        if kind in LIFE and event.phase is not Phase.CLEAR:
            verdict = _floor(verdict, kind, mode)
        return Judgement(verdict, tuple(failed))


def _matches(rule: EventRule, event: Event, kind: str) -> bool:
    if kind not in rule.kinds or event.phase not in rule.phases:
        return False
    return not rule.states or getattr(event, "state") in rule.states  # noqa: B009 - not every kind has a state


def _floor(verdict: Verdict | None, kind: str, mode: Mode) -> Verdict:
    """Life is always priority 1, and only a fall has a window in which it can be cancelled."""
    rule = verdict.rule if verdict else FLOOR
    window = verdict.pre_alarm_s if verdict and kind == "fall" else 0.0
    return Verdict(rule, 1, window, mode)


def load_rules(file: Path | None) -> Rules:
    """The rules of `file` before the shipped ones. Raises SettingsError naming file, path and mistake."""
    shipped = files("server.rules").joinpath("shipped.yaml").read_text()
    own: list[EventRule] = []
    if file is not None:
        try:
            own = _parse(file.read_text(), str(file))
        except OSError as error:
            raise SettingsError(f"rules.file: {file}: {error.strerror}") from error
    return Rules(own + _parse(shipped, "shipped.yaml"))


def _parse(text: str, name: str) -> list[EventRule]:
    try:
        return RuleFile.model_validate(yaml.safe_load(text)).rules
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: not YAML: {error}") from error
    except ValidationError as error:
        lines = (f"{name}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError("\n".join(lines)) from error
