"""响应预案: who is reached when. Validated here; an alarm runs on a snapshot of it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from devices.events import KINDS, Mode
from devices.settings import Section

Target = Annotated[str, Field(pattern=r"^(operators|contact:(all|[1-9]\d?)|responder:[a-z_]{1,40})$")]


class Step(Section):
    """One rung: everybody in `targets` at once. Seconds."""

    targets: Annotated[list[Target], Field(min_length=1)]
    channels: list[Literal["voice"]] = ["voice"]
    wait_s: Annotated[float, Field(gt=0, le=3600)] = 60
    repeat: Annotated[int, Field(ge=0, le=10)] = 0


class Ladder(Section):
    """Steps one after the other. Ladders of a plan run in parallel; `stops_on` says what ends this one."""

    name: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    stops_on: Literal["claim", "accept"]
    start_after_s: Annotated[float, Field(ge=0, le=3600)] = 0
    steps: Annotated[list[Step], Field(min_length=1)]


class Plan(Section):
    """A plan. Empty `kinds` means all; the scope is region, or one category in it, or one resident."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: dict[str, str] = {}
    region: str
    resident: str | None = None
    category: str | None = None
    kinds: list[str] = []
    modes: list[Mode] = [Mode.ACTUAL, Mode.EXERCISE]
    ladders: Annotated[list[Ladder], Field(min_length=1)]

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for kind in value:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is not a kind of event")
        return value

    @field_validator("modes")
    @classmethod
    def _calls_only_what_may_call(cls, value: list[Mode]) -> list[Mode]:
        if Mode.SIMULATED in value:
            raise ValueError("simulated events page nobody: use actual, exercise or test")
        return value

    @field_validator("ladders")
    @classmethod
    def _named_once(cls, value: list[Ladder]) -> list[Ladder]:
        names = [ladder.name for ladder in value]
        if len(set(names)) != len(names) or DUTY in names:
            raise ValueError(f"every ladder needs a name of its own, and {DUTY!r} is taken")
        return value


DUTY = "duty"
"""The ladder row that times what a helper who accepted must do next."""

OPERATORS_ONLY = Ladder(name="operators", stops_on="claim", steps=[Step(targets=["operators"], wait_s=60, repeat=10)])
"""What an alarm without a plan runs on: the board, and nobody's telephone."""
