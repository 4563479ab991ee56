"""What a scenario file may say: who does what when their telephone rings, what happens, what must come of it.

Strict: an unknown key is refused with its path. The shipped ones lie in scenarios/.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulators.phone.people import Answers, Behaviour

Seconds = Annotated[float, Field(ge=0, le=600)]
Who = Literal["daughter", "neighbour", "grid_worker"]
Hop = Literal["pressed", "gateway_stored", "centre_committed", "on_board", "first_call_placed", "accepted", "closed"]
HOPS: tuple[Hop, ...] = Hop.__args__  # type: ignore[attr-defined]  # Literal is typed as a special form

SHIPPED = Path(__file__).resolve().parent / "scenarios"


class ScenarioError(Exception):
    """The scenario cannot be played; a line per mistake, each with its path."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_Strict):
    """The same in both languages."""

    zh: Annotated[str, Field(alias="zh-CN")]
    en: str


class Times(_Strict):
    """Settings of plan, server and gateway, in seconds; short, so that a scenario takes seconds."""

    family_after_s: Seconds = 0
    responders_after_s: Seconds = 600
    wait_s: Annotated[float, Field(gt=0, le=600)] = 60
    ring_s: Annotated[float, Field(ge=5, le=600)] = 5
    gateway_silent_s: Annotated[float, Field(gt=0, le=600)] = 180
    heartbeat_s: Annotated[float, Field(gt=0, le=600)] = 60


# --- steps ------------------------------------------------------------------------------------------------------------
class Press(_Strict):
    """The resident presses, so many times one after the other."""

    do: Literal["press"]
    device: Literal["button", "wristband"] = "button"
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class FallDown(_Strict):
    """The resident falls."""

    do: Literal["fall"]
    seen_by: Literal["wristband", "radar"] = "wristband"


class Cancel(_Strict):
    """The resident says on the wristband that the latest call was nothing."""

    do: Literal["cancel"]


class OrdinaryMinute(_Strict):
    """Doors, movement, readings."""

    do: Literal["ordinary_minute"]


class Kill(_Strict):
    """SIGKILL, as a power cut would."""

    do: Literal["kill"]
    what: Literal["gateway", "server"]


class Start(_Strict):
    """The same program again."""

    do: Literal["start"]
    what: Literal["gateway", "server"]


class WaitFor(_Strict):
    """Until every call so far has made this hop, or an alarm is in this state, or the gateway's silence is told."""

    do: Literal["wait_for"]
    hop: Hop | None = None
    state: Literal["pre_alarm", "open", "claimed", "responding", "closed"] | None = None
    silence: Literal["noticed", "over"] | None = None  # of the gateway
    within_s: Annotated[float, Field(gt=0, le=600)] = 20

    def model_post_init(self, context: Any, /) -> None:
        if [self.hop, self.state, self.silence].count(None) != 2:
            raise ValueError("say one of hop, state, silence")


class Claim(_Strict):
    """The operator takes the alarm."""

    do: Literal["claim"]


class Close(_Strict):
    """The operator closes it."""

    do: Literal["close"]
    outcome: str = "assistance"
    note: str = ""


Step = Annotated[
    Press | FallDown | Cancel | OrdinaryMinute | Kill | Start | WaitFor | Claim | Close, Field(discriminator="do")
]


class Expect(_Strict):
    """What must have come of it in the end. Nothing lost and nothing duplicated is expected always."""

    hops: tuple[Hop, ...] = ("gateway_stored", "centre_committed", "on_board", "closed")  # of every call
    never: tuple[Hop, ...] = ()
    alarms: int = 1
    state: Literal["open", "claimed", "responding", "closed"] = "closed"
    outcome: str | None = None
    called: tuple[Who, ...] | None = None  # in this order, and nobody else
    accepted_by: Who | None = None
    silences: int = 0  # how often the centre told that the gateway is silent


class Scenario(_Strict):
    """One story, from the first press to the last look at the board."""

    title: Texts
    about: Texts
    times: Times = Times()
    phones: dict[Who, Behaviour] = {}
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    expect: Expect = Expect()

    def behaviour(self, who: Who) -> Behaviour:
        """What they do when it rings; at once and "1" where the scenario does not say."""
        return self.phones.get(who, Answers(after_s=0.2))


def load(name_or_file: str) -> Scenario:
    """A shipped scenario by its name, or one from a file. Raises ScenarioError."""
    file = SHIPPED / f"{name_or_file}.yaml"
    if not file.is_file():
        file = Path(name_or_file)
        if file.suffix not in (".yaml", ".yml", ".json"):
            raise ScenarioError(f"no scenario {name_or_file!r}: use one of {', '.join(shipped())}, or a YAML file")
    try:
        return Scenario.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScenarioError(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: not YAML: {error}") from error
    except ValidationError as error:
        lines = (f"{file}: {'.'.join(map(str, e['loc'])) or 'document'}: {_problem(e)}" for e in error.errors())
        raise ScenarioError("\n".join(lines)) from error


def _problem(error: Any) -> str:
    return "unknown key" if error["type"] == "extra_forbidden" else str(error["msg"])


def shipped() -> list[str]:
    """Names of the scenarios that come with the simulators."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors and other tools."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema(by_alias=True)}
