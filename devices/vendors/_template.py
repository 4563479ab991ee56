"""Copy to `<ecosystem>.py` and describe what the ecosystem says and where it bites (docs/add-a-device.md).

Must never raise anything but DecodeError, page anyone for a retained message, or let one field hide a call.
"""

import msgspec

from devices import events
from devices.errors import DecodeError
from devices.registry import Decoded, Decoder, Memory, Message, Report

MAX_PAYLOAD = 64 * 1024


def identify(topic: str, base: str) -> str | None:
    """The device of `{base}/{device}`: one answer for all topics of a device, since its memory hangs on it."""
    device = topic.removeprefix(f"{base}/")
    return device if device and device != topic else None


def decode(message: Message, base: str, memory: Memory) -> Decoded:
    """Raises DecodeError."""
    device = identify(message.topic, base)
    if device is None or message.retained:
        return Decoded(memory=memory)
    if len(message.payload) > MAX_PAYLOAD:
        raise DecodeError("payload", f"{len(message.payload)} bytes, at most {MAX_PAYLOAD}")
    try:
        content = msgspec.json.decode(message.payload, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("payload", f"not a JSON object: {error}") from error
    reports = []
    pressed = content.get("button") == "pressed"
    if pressed and memory.get("pressed") is not True:  # this ecosystem repeats a press until the button is let go
        reports.append(Report(device=device, said=events.Sos()))
    return Decoded(tuple(reports), {"pressed": pressed})


DECODER = Decoder(
    source="template",
    title="Name of the ecosystem",
    base="template",
    subscriptions=("{base}/+",),
    identify=identify,
    decode=decode,
)
