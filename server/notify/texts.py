"""What a called person hears, as data, in every language. Plain words, short sentences: it may be three in the morning.

Sentences are joined from these parts and a resident's name only; nothing a device sent is ever read out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from devices.events import Mode


@dataclass(frozen=True, slots=True)
class CallTexts:
    """One language. `{name}` is the resident, `{minutes}` a number, `{who}` the person who accepted before."""

    speech: str  # the provider's language code
    voice: str  # a voice of the provider that speaks it
    greeting: str
    modes: Mapping[Mode, str]  # said first, and again before the keys, for everything that is not an actual call
    nameless: str
    kinds: Mapping[str, str]
    other_kind: str
    just_now: str
    minute_ago: str
    minutes_ago: str
    keys: str
    no_key: str
    unknown_key: str
    accepted: str
    declined: str
    taken: str
    taken_by: str
    over: str
    goodbye: str


ZH = CallTexts(
    speech="zh-CN",
    voice="alice",
    greeting="您好，这里是安呼紧急呼叫中心。",
    modes={
        Mode.TEST: "这是一次测试呼叫，没有人遇险。",
        Mode.EXERCISE: "这是一次演练，不是真实警情。",
        Mode.SIMULATED: "这是一次模拟呼叫，没有人遇险。",
    },
    nameless="一位老人",
    kinds={
        "sos": "{name}按下了紧急呼叫按钮。",
        "fall": "{name}可能跌倒了。",
        "fall_warning": "{name}可能跌倒了。",
        "smoke": "{name}家中的烟雾报警器响了。",
        "gas": "{name}家中检测到燃气泄漏。",
        "co": "{name}家中检测到一氧化碳。",
        "heat": "{name}家中温度过高，可能起火。",
        "water_leak": "{name}家中检测到漏水。",
        "vitals_alarm": "{name}的生命体征异常。",
        "inactivity": "{name}家中长时间没有活动。",
        "geofence": "{name}离开了安全区域。",
        "help": "{name}请求帮助。",
        "test": "{name}家中正在测试呼叫设备。",
    },
    other_kind="{name}家中发出了呼叫，原因不明。",
    just_now="时间是刚才。",
    minute_ago="时间是一分钟前。",
    minutes_ago="时间是{minutes}分钟前。",
    keys="如果您现在能去，请按一。如果不能去，请按二。再听一遍，请按三。",
    no_key="没有收到有效按键。",
    unknown_key="这个按键无效。",
    accepted="谢谢，已记录由您前往。请现在出发。",
    declined="好的，我们会联系其他人。",
    taken="已经有人接单了，您不用前往。谢谢。",
    taken_by="{who}已经接单，您不用前往。谢谢。",
    over="这次呼叫已经处理完毕，您不用前往。谢谢。",
    goodbye="再见。",
)

EN = CallTexts(
    speech="en-US",
    voice="alice",
    greeting="Hello, this is the Anhu emergency call centre.",
    modes={
        Mode.TEST: "This is a test call. Nobody is in danger.",
        Mode.EXERCISE: "This is a drill, not a real emergency.",
        Mode.SIMULATED: "This is a simulated call. Nobody is in danger.",
    },
    nameless="A resident",
    kinds={
        "sos": "{name} pressed the emergency button.",
        "fall": "{name} may have fallen.",
        "fall_warning": "{name} may have fallen.",
        "smoke": "The smoke alarm in the home of {name} went off.",
        "gas": "Gas was detected in the home of {name}.",
        "co": "Carbon monoxide was detected in the home of {name}.",
        "heat": "It is very hot in the home of {name}. There may be a fire.",
        "water_leak": "Water is leaking in the home of {name}.",
        "vitals_alarm": "The vital signs of {name} are not normal.",
        "inactivity": "Nothing has moved in the home of {name} for a long time.",
        "geofence": "{name} has left the safe area.",
        "help": "{name} asks for help.",
        "test": "The call device in the home of {name} is being tested.",
    },
    other_kind="A call came from the home of {name}. The reason is not known.",
    just_now="That was just now.",
    minute_ago="That was one minute ago.",
    minutes_ago="That was {minutes} minutes ago.",
    keys="If you can go there now, press 1. If you cannot, press 2. To hear this again, press 3.",
    no_key="No key was pressed that we understand.",
    unknown_key="That key has no meaning.",
    accepted="Thank you. We have noted that you are going. Please leave now.",
    declined="All right. We will call somebody else.",
    taken="Somebody else is already going. You need not go. Thank you.",
    taken_by="{who} is already going. You need not go. Thank you.",
    over="This call has been dealt with. You need not go. Thank you.",
    goodbye="Goodbye.",
)

TEXTS: Mapping[str, CallTexts] = {"zh-CN": ZH, "en": EN}
"""By the language of a contact. Others hear Chinese first and then English."""


def texts_for(language: str) -> tuple[CallTexts, ...]:
    """`zh`, `zh-CN` and spoken varieties of Chinese read the same characters; an unknown language gets both."""
    if language in TEXTS:
        return (TEXTS[language],)
    family = language.replace("_", "-").partition("-")[0].lower()
    if family in ("zh", "cmn", "gan", "wuu", "yue", "hak"):
        return (ZH,)
    return (EN,) if family == "en" else (ZH, EN)
