"""A rule as a care provider's engineer writes it. No expression language: nothing to inject, every mistake is named."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from devices.events import KINDS, Phase
from devices.settings import Section


class EventRule(Section):
    """An event of one of `kinds` in one of `phases` opens or joins an alarm of `priority`."""

    type: Literal["event"]
    id: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]
    kinds: Annotated[list[str], Field(min_length=1)]
    phases: list[Phase] = [Phase.RAISE]
    states: list[str] = []  # for kinds that carry a `state`; empty means any
    priority: Annotated[int, Field(ge=1, le=3)]  # 1 life, 2 urgent, 3 technical
    pre_alarm_s: Annotated[float, Field(ge=0, le=60)] = 0  # the resident may cancel this long

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for kind in value:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is not a kind of event")
        return value


class RuleFile(Section):
    """A file of rules."""

    rules: list[EventRule]
