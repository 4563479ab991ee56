"""What the network understands of a document, and what it refuses as the provider would."""

import pytest

from simulators.phone.document import DocumentError, Gather, Hangup, Pause, Redirect, Say, parse

URL = "https://centre.example.cn/voice/7/answer?x=1"


def test_the_verbs_with_their_defaults_and_absolute_addresses() -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?><Response>
      <Say language="zh-CN">您好</Say><Pause length="2"/>
      <Gather numDigits="1" action="keys?round=1" actionOnEmptyResult="true" timeout="8" finishOnKey="">
        <Say>Press 1</Say><Pause/></Gather>
      <Gather/><Redirect>/other</Redirect><Hangup/></Response>"""
    assert parse(text, URL) == (
        Say("您好", "zh-CN"),
        Pause(2.0),
        Gather(
            (Say("Press 1", "en-US"), Pause(1.0)),
            "https://centre.example.cn/voice/7/keys?round=1",
            digits=1,
            timeout_s=8.0,
            finish_on="",
            posts_nothing_too=True,
        ),
        Gather((), URL, digits=None, timeout_s=5.0, finish_on="#", posts_nothing_too=False),
        Redirect("https://centre.example.cn/other"),
        Hangup(),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not XML"),
        ("<Response><Say>a & b</Say></Response>", "not XML"),
        ("<html/>", "<html>"),
        ("<Response><Dial>120</Dial></Response>", "<Dial> is not a verb"),
        ("<Response><Say/></Response>", "<Say>"),
        ("<Response><Gather><Hangup/></Gather></Response>", "<Hangup> here"),
        ("<Response><Gather timeout='soon'/></Response>", "timeout"),
        ("<Response><Gather input='speech'/></Response>", "only dtmf"),
    ],
)
def test_a_wrong_document_is_told(text: str, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        parse(text, URL)
