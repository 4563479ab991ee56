"""What the home's speaker says of a call, in both languages. Short, calm, no promise that is not yet true."""

from collections.abc import Mapping
from typing import Literal

Stage = Literal["stored", "centre", "person", "delayed"]

_CALL = ("您的呼叫", "Your call")
_WHAT: Mapping[str, tuple[str, str]] = {
    "sos": _CALL,
    "help": _CALL,
    "unknown": _CALL,
    "cancel": ("您的取消", "Your cancellation"),
    "test": ("测试呼叫", "The test call"),
}
_ALARM = ("警报", "The alarm")

_SAYS: Mapping[Stage, tuple[str, str]] = {
    "stored": ("已记录{what}，正在通知服务中心。", "{what} is recorded. The centre is being told."),
    "centre": ("服务中心已收到{what}。", "{what} has reached the centre."),
    "person": ("工作人员已经看到{what}，正在处理。", "{what} has been taken by a person."),
    "delayed": ("暂时联系不上服务中心，正在不断重试。", "The centre cannot be reached yet. We keep trying."),
}

TONES: Mapping[Stage, int | None] = {"stored": 1, "centre": 2, "person": 3, "delayed": None}


def texts(stage: Stage, kind: str) -> dict[str, str]:
    """Language -> sentence."""
    zh, en = _SAYS[stage]
    what_zh, what_en = _WHAT.get(kind, _ALARM)
    return {"zh-CN": zh.format(what=what_zh), "en": en.format(what=what_en)}
