"""Who has a telephone and what they do when it rings. Invented people only."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

Seconds = Annotated[float, Field(ge=0, le=3600)]
Number = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$", description="E.164")]


class PeopleError(Exception):
    """The list of people is wrong; a line per mistake, each with its path."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Strict):
    """One key, pressed so long after the voice began to ask for it."""

    press: Annotated[str, Field(pattern=r"^[0-9*#]$")]
    after_s: Seconds = 3.0


class Answers(_Strict):
    """Picks up and presses these keys, one each time a key is asked for. `["2"]` declines, `["9", "1"]` errs first."""

    does: Literal["answer"] = "answer"
    after_s: Seconds = 4.0
    keys: tuple[Key, ...] = (Key(press="1"),)

    @field_validator("keys", mode="before")
    @classmethod
    def _short(cls, keys: Any) -> Any:
        return [{"press": k} if isinstance(k, str) else k for k in keys] if isinstance(keys, list | tuple) else keys


class DoesNotAnswer(_Strict):
    """Lets it ring."""

    does: Literal["no_answer"]


class Busy(_Strict):
    """Is speaking to somebody else."""

    does: Literal["busy"]


class Unreachable(_Strict):
    """Switched off or without signal: the network cannot connect the call."""

    does: Literal["unreachable"]


class Rejects(_Strict):
    """Presses the red button instead of answering."""

    does: Literal["reject"]
    after_s: Seconds = 3.0


class Voicemail(_Strict):
    """A machine answers and records what it hears."""

    does: Literal["voicemail"]
    after_s: Seconds = 15.0


class HangsUp(_Strict):
    """Picks up and puts down again, pressing nothing."""

    does: Literal["hang_up"]
    after_s: Seconds = 4.0
    hang_up_after_s: Seconds = 2.0


class Manual(_Strict):
    """A person at the page, or a test, decides while it rings."""

    does: Literal["manual"]


Behaviour = Annotated[
    Answers | DoesNotAnswer | Busy | Unreachable | Rejects | Voicemail | HangsUp | Manual, Field(discriminator="does")
]
BEHAVIOUR: TypeAdapter[Behaviour] = TypeAdapter(Behaviour)


class Person(_Strict):
    """Somebody with a telephone."""

    number: Number
    name: str = ""
    behaviour: Behaviour = Answers()


class People(_Strict):
    """The people of one network. A number that is not in it cannot be reached."""

    people: tuple[Person, ...] = ()

    @field_validator("people")
    @classmethod
    def _one_each(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        numbers = [person.number for person in people]
        if twice := sorted({n for n in numbers if numbers.count(n) > 1}):
            raise ValueError(f"numbers given twice: {', '.join(twice)}")
        return people


def load_people(file: Path) -> People:
    """People from YAML or JSON (`people: [{number, name, behaviour}]`). Raises PeopleError."""
    try:
        document = yaml.safe_load(file.read_text())
    except OSError as error:
        raise PeopleError(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PeopleError(f"{file}: not YAML: {error}") from error
    try:
        return People.model_validate(document)
    except ValidationError as error:
        lines = (f"{file}: {'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors())
        raise PeopleError("\n".join(lines)) from error
