"""Recorded messages of real devices, each with what it must mean. Shipped, so that tests and simulators share them."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec


class RecordedMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message, exactly as the device's ecosystem publishes it.

    `expect` are the reports as `anhu-devices decode` prints them, without `device` where it is the recording's own.
    `problems` are the fields named in the decoder's complaints; a message refused as a whole names one field there.
    """

    topic: str
    payload: str
    expect: list[dict[str, Any]]
    retained: bool = False
    after_s: float = 0.0  # seconds since the message before
    problems: list[str] = []


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device's day in messages. `device_class` as in a community document."""

    source: str
    vendor: str
    model: str
    title: dict[Literal["zh-CN", "en"], str]
    device_class: Literal["button", "wristband", "fall_sensor", "slow_sensor", "mains_sensor"] = msgspec.field(
        name="class"
    )
    device: str
    base: str | None = None  # where it is not the source's own
    messages: list[RecordedMessage]


@cache
def recordings() -> dict[str, Recording]:
    """Every `devices/recordings/*.json` by its name without the ending."""
    found = sorted(
        (entry for entry in (files("devices") / "recordings").iterdir() if entry.name.endswith(".json")),
        key=lambda entry: entry.name,
    )
    return {e.name.removesuffix(".json"): msgspec.json.decode(e.read_bytes(), type=Recording) for e in found}
