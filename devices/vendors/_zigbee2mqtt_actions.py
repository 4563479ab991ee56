"""What an `action` of a Zigbee button means, and how one press said on two channels is counted once.

Must never make an unreadable word of a button silent: what is not known to be harmless is `unknown`.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from devices.events import Sos, Unknown

Channel = Literal["json", "raw"]
"""Where a press is said: the `action` of the device's JSON state, or the bare word on `<name>/action`."""

ECHO_S = 2.0
"""The second channel follows within milliseconds; a link that stalls longer gives a second event, not a lost one."""

_MOST_PENDING = 32
SAID_LENGTH = 200

# Zigbee2MQTT appends the endpoint where a device has several. Any other ending ("sos_cancel") is left to `unknown`.
_SOS = re.compile(r"(emergency|panic|sos)(_?(l?\d{1,3}|left|right|center|top|bottom))?")
_PRESSES: Mapping[str, Literal["short", "double", "long"]] = {"single": "short", "double": "double", "hold": "long"}

CALL_WORDS = ("emergency", "panic", "sos", *_PRESSES)

# The end of a press, keypads that arm and disarm, and identification: no call, not even from a device that can call.
_NO_CALL = re.compile(
    r"|none|null|off|stop|stopped|release[ds]?(_\w+)?|hold_released?|identify(_\w+)?"
    r"|(dis)?arm(_\w+)?|(exit|entry)_delay(_\w+)?|invalid_code|not_ready"
)

# Words of wall switches, remotes, dimmers, cubes, vibration sensors, locks and doorbells. An action is a harmless one
# if it is made of these and numbers only ("brightness_move_up", "2_single", "hold_left", "flip90"). A lone press of a
# nameless button ("long", "triple", "click") is not here: it may be a call button that we do not know.
_REMOTE_WORDS = """
    on off toggle up down left right center middle top bottom both low high plus minus brightness brightenss color
    colour temperature hue saturation move step stop scene recall store select button key switch input arrow dial
    rotate rotation rotating clockwise anti counterclockwise speed start level to and ext square circle triangle
    hexagon enter leave open close moving movement motion many wakeup sleep wake screen shake throw tap slide fall
    flip side min inactivity drop tilt vibration orientation strike lock unlock locked unlocked keypad rfid zigbee
    manual fingerprint auto schedule touch one not fully invalid pin or id failure clock information away home at go
    out cinema repast bell pressed w100 pmtsd request
"""
_NUMBERED = re.compile(r"(key|button|bell|switch|scene|flip|l|s)\d{1,3}")
_POSITIONED_WORDS = "single double triple quadruple quintuple long short hold held press release click"
"""Harmless only beside a word or number that says which of several buttons, as in `1_double`."""

_REMOTE = frozenset(_REMOTE_WORDS.split())
_POSITIONED = frozenset(_POSITIONED_WORDS.split())

GESTURE_FIELDS = frozenset(
    {"side", "current_side", "action_side", "action_from_side", "action_to_side", "action_angle"}
)
"""A payload with one of these comes from a cube; its `hold` is a gesture."""


def call_of(text: str, *, caller: bool, gestures: bool = False) -> Sos | Unknown | None:
    """What the action `text` calls for. `caller`: the device has called before, so remote-control words do not excuse
    it. `gestures`: it is a cube.
    """
    word = text.strip().lower()
    if _NO_CALL.fullmatch(word):
        return None
    if _SOS.fullmatch(word):
        return Sos()
    if word in _PRESSES:
        return None if gestures else Sos(press=_PRESSES[word])
    if _harmless(word) and not caller:
        return None
    return Unknown(said=text.strip()[:SAID_LENGTH])


def _harmless(word: str) -> bool:
    tokens = word.split("_")
    remote = [t for t in tokens if t in _REMOTE or t.isdecimal() or _NUMBERED.fullmatch(t)]
    return (
        any(not t.isdecimal() for t in tokens) and bool(remote) and all(t in remote or t in _POSITIONED for t in tokens)
    )


def is_echo(
    pending: Mapping[Channel, str | None], channel: Channel, text: str, received_s: float
) -> tuple[bool, Mapping[Channel, str]]:
    """Whether this press was already counted on the other channel, and what is pending on each from now on.

    `pending` holds the counted presses that the other channel may still repeat, as JSON [[text, seconds], …].
    """
    text = text.strip()[:SAID_LENGTH]
    other: Channel = "raw" if channel == "json" else "json"
    waiting = {name: _recent(pending.get(name), received_s) for name in (channel, other)}
    heard = next((entry for entry in waiting[other] if entry[0] == text), None)
    if heard is not None:
        waiting[other].remove(heard)
    else:
        waiting[channel].append((text, received_s))
    return heard is not None, {n: msgspec.json.encode(w[-_MOST_PENDING:]).decode() for n, w in waiting.items()}


def _recent(stored: str | None, now_s: float) -> list[tuple[str, float]]:
    try:
        entries = msgspec.json.decode(stored or "[]", type=list[tuple[str, float]])
    except msgspec.DecodeError:  # memory written by another release
        return []
    return [entry for entry in entries if abs(now_s - entry[1]) <= ECHO_S]
