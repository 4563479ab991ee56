"""A rule as a care provider's engineer writes it. No expression language: nothing to inject, every mistake is named."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from devices.events import KINDS, Event, Phase
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

    @model_validator(mode="after")
    def _states_exist(self) -> Self:
        stateful = {str(t.__struct_config__.tag) for t in Event.__args__ if "state" in t.__struct_fields__}
        for kind in self.kinds if self.states else ():
            if kind not in stateful:
                raise ValueError(f"states: {kind!r} has no state")
        return self


class RuleFile(Section):
    """A file of rules."""

    rules: list[EventRule]
