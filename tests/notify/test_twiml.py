"""What is read out: complete in both languages, marked when it is no real alarm, and always well-formed."""

from dataclasses import fields, replace
from xml.etree import ElementTree

import pytest

from devices.events import LIFE, Mode
from server.notify import twiml
from server.notify.channel import AnswerContext, KeyOutcome, KeyResult
from server.notify.texts import EN, TEXTS, ZH, CallTexts, texts_for
from simulators.phone import document

KEYS = "https://anhu.example.cn/telephony/voice/0198a0c0-0000-7000-8000-000000000001/keys?round=1&x=2"
CONTEXT = AnswerContext("zh-CN", "王桂兰", "sos", Mode.ACTUAL, minutes=3)


def said(xml: str) -> list[str]:
    return [say.text or "" for say in ElementTree.fromstring(xml).iter("Say")]


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_the_document_reads_then_takes_one_key(language: str) -> None:
    xml = twiml.ask_document(replace(CONTEXT, language=language), KEYS)
    gather, hangup = ElementTree.fromstring(xml)
    assert (gather.tag, hangup.tag) == ("Gather", "Hangup")
    assert gather.attrib == {
        "action": KEYS,
        "actionOnEmptyResult": "true",
        "finishOnKey": "",
        "input": "dtmf",
        "method": "POST",
        "numDigits": "1",
        "timeout": str(twiml.KEY_WAIT_S),
    }
    (say,) = gather
    assert say.get("language") == TEXTS[language].speech
    assert "王桂兰" in (say.text or "")
    assert (say.text or "").endswith(TEXTS[language].keys)
    assert document.parse(xml, KEYS)


def test_the_words_in_both_languages() -> None:
    assert twiml.message(ZH, CONTEXT) == (
        "您好，这里是安呼紧急呼叫中心。王桂兰按下了紧急呼叫按钮。时间是3分钟前。" + ZH.keys
    )
    assert twiml.message(EN, replace(CONTEXT, resident_name=None, kind="fall", minutes=1)) == (
        "Hello, this is the Anhu emergency call centre. A resident may have fallen. That was one minute ago. " + EN.keys
    )


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ACTUAL])
def test_whatever_is_no_real_alarm_says_so_before_and_after(texts: CallTexts, mode: Mode) -> None:
    assert twiml.message(texts, replace(CONTEXT, mode=mode)).count(texts.modes[mode]) == 2
    assert all(prefix not in twiml.message(texts, CONTEXT) for prefix in texts.modes.values())


def test_both_languages_say_the_same_things() -> None:
    assert set(ZH.kinds) == set(EN.kinds)
    assert set(ZH.kinds) >= LIFE
    assert set(ZH.modes) == set(EN.modes) == set(Mode) - {Mode.ACTUAL}
    for texts in TEXTS.values():
        assert all(getattr(texts, field.name) for field in fields(texts))
        assert all("{name}" in kind for kind in (*texts.kinds.values(), texts.other_kind))
        assert "{who}" in texts.taken_by


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_an_unknown_kind_is_still_a_call(texts: CallTexts) -> None:
    assert texts.other_kind.format(name="王桂兰") in twiml.message(texts, replace(CONTEXT, kind="a kind of tomorrow"))


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("zh-CN", (ZH,)),
        ("zh", (ZH,)),
        ("gan", (ZH,)),
        ("en", (EN,)),
        ("en-GB", (EN,)),
        ("ug", (ZH, EN)),
        ("", (ZH, EN)),
    ],
)
def test_which_languages_a_contact_hears(language: str, texts: tuple[CallTexts, ...]) -> None:
    assert texts_for(language) == texts


@pytest.mark.parametrize(
    "name", ["<Hangup/>&\"'", "王\x00桂\x1b兰", "a\r\nb", "{minutes}{0}", "\ud800王", "x" * 500, " ", "\u202e王"]
)
def test_no_name_breaks_a_document(name: str) -> None:
    for xml in (
        twiml.ask_document(replace(CONTEXT, resident_name=name), KEYS),
        twiml.result_document("zh-CN", KeyResult(KeyOutcome.TAKEN, name)),
    ):
        assert document.parse(xml, KEYS)
        assert "<Hangup/>&" not in xml
        assert len("".join(said(xml))) < 400


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.parametrize("outcome", [o for o in KeyOutcome if o not in (KeyOutcome.REPEAT, KeyOutcome.UNKNOWN)])
def test_every_end_is_told_and_ends_the_call(language: str, outcome: KeyOutcome) -> None:
    xml = twiml.result_document(language, KeyResult(outcome))
    root = ElementTree.fromstring(xml)
    assert root[-1].tag == "Hangup"
    assert root.find("Gather") is None
    assert said(xml)[0].endswith(TEXTS[language].goodbye)


def test_repeat_is_no_end() -> None:
    with pytest.raises(ValueError, match="asks again"):
        twiml.result_document("en", KeyResult(KeyOutcome.REPEAT))
