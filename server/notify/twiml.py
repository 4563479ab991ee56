"""The documents the provider reads out and the keys it collects (TwiML).

Only names and our own texts are spoken; a document always ends in a hang-up, and always offers the keys while somebody
may still be needed, whatever the provider thinks has answered.
"""

import unicodedata
from typing import Any

from twilio.twiml import voice_response

from devices.events import Mode
from server.notify.channel import AnswerContext, KeyOutcome, KeyResult
from server.notify.texts import EN, ZH, CallTexts, texts_for

KEY_WAIT_S = 8
"""Old fingers, small phones: the provider's own default is 5."""

ROUNDS = 3
"""The message is read this often to somebody who presses nothing that means anything."""

LONGEST_NAME = 60

_verbs: Any = voice_response  # the SDK does not annotate its verbs


def ask_document(context: AnswerContext, keys_url: str, first: str | None = None) -> str:
    """The message and the wait for a key, which goes to `keys_url`, pressed or not.

    `first` names a text said before the message (`no_key`, `unknown_key`).
    """
    response = _verbs.VoiceResponse()
    gather = _verbs.Gather(
        input="dtmf",
        num_digits=1,
        finish_on_key="",  # or the provider would swallow the #
        timeout=KEY_WAIT_S,
        action=keys_url,
        method="POST",
        action_on_empty_result=True,
    )
    for texts in texts_for(context.language):
        said = message(texts, context)
        _say(gather, texts, f"{getattr(texts, first)}{_gap(texts)}{said}" if first else said)
    response.append(gather)
    response.hangup()
    return str(response)


def result_document(language: str, result: KeyResult) -> str:
    """What a key did, and the end of the call. Not for `repeat` and `unknown`, which ask again."""
    return _farewell(texts_for(language), result)


def over_document(language: str | None) -> str:
    """Nobody is needed any more; in both languages where that of the called person is not known."""
    return _farewell(texts_for(language) if language else (ZH, EN), KeyResult(KeyOutcome.OVER))


def no_key_document(language: str) -> str:
    """Nothing that means anything was pressed: say so and end the call."""
    response = _verbs.VoiceResponse()
    for texts in texts_for(language):
        _say(response, texts, f"{texts.no_key}{_gap(texts)}{texts.goodbye}")
    response.hangup()
    return str(response)


def message(texts: CallTexts, context: AnswerContext) -> str:
    """Everything said to whoever answers, in one language."""
    name = spoken(context.resident_name or "") or texts.nameless
    prefix = texts.modes.get(context.mode, "") if context.mode is not Mode.ACTUAL else ""
    what = texts.kinds.get(context.kind, texts.other_kind).format(name=name)
    sentences = (texts.greeting, prefix, what, _when(texts, context.minutes), prefix, texts.keys)
    return _gap(texts).join(sentence for sentence in sentences if sentence)


def spoken(name: str) -> str:
    """A name fit to be read out and to stand in XML: no control characters, one line, not endless."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    return " ".join(kept.split())[:LONGEST_NAME]


def _when(texts: CallTexts, minutes: int) -> str:
    if minutes < 1:
        return texts.just_now
    return texts.minute_ago if minutes == 1 else texts.minutes_ago.format(minutes=minutes)


def _farewell(languages: tuple[CallTexts, ...], result: KeyResult) -> str:
    response = _verbs.VoiceResponse()
    for texts in languages:
        _say(response, texts, f"{_result_text(texts, result)}{_gap(texts)}{texts.goodbye}")
    response.hangup()
    return str(response)


def _result_text(texts: CallTexts, result: KeyResult) -> str:
    who = spoken(result.taken_by or "")
    match result.outcome:
        case KeyOutcome.ACCEPTED:
            return texts.accepted
        case KeyOutcome.DECLINED:
            return texts.declined
        case KeyOutcome.TAKEN:
            return texts.taken_by.format(who=who) if who else texts.taken
        case KeyOutcome.OVER:
            return texts.over
        case KeyOutcome.REPEAT | KeyOutcome.UNKNOWN:
            raise ValueError(f"{result.outcome} asks again, it does not end the call")


def _gap(texts: CallTexts) -> str:
    return "" if texts is ZH else " "


def _say(verb: Any, texts: CallTexts, text: str) -> None:
    verb.say(text, language=texts.speech, voice=texts.voice)
