"""Strict configuration from a file's text and the environment: unknown keys are refused with their path.

Pure: the caller reads the file. Used by gateway, server and simulators alike.
"""

import json
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import SettingsError


class Section(BaseModel):
    """A table of the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Section)


def parse_settings(model: type[S], toml: str, environ: Mapping[str, str], prefix: str) -> S:
    """Settings of `model`: `toml` first, then variables `PREFIX_SECTION__KEY`, which win.

    A variable's value is text, or JSON where it begins with `[` or `{`. Raises SettingsError with a line per mistake.
    """
    try:
        values: dict[str, Any] = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not TOML: {error}") from error
    for name, text in sorted(environ.items()):
        if name.startswith(prefix):
            _put(values, name.removeprefix(prefix).lower().split("__"), text)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(e["loc"], e["msg"], e["type"]) for e in error.errors())) from error


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    for key in path[:-1]:
        below = values.setdefault(key, {})
        if not isinstance(below, dict):
            raise SettingsError(f"{'.'.join(path)}: {key} is a value, not a table")
        values = below
    if text[:1] not in ("[", "{"):
        values[path[-1]] = text
        return
    try:
        values[path[-1]] = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{'.'.join(path)}: not JSON: {error}") from error


def _line(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    path = ".".join(str(part) for part in loc)
    return f"{path}: unknown key" if kind == "extra_forbidden" else f"{path}: {message}"
