"""Every decoder of the registry keeps the same promises, whatever its ecosystem."""

import json
from collections.abc import Iterator

import pytest

from devices import registry
from devices.errors import DecodeError, UnknownSourceError
from devices.events import Mode, kind_of
from devices.recording import Recording, recordings
from tests.devices.play import Player, player, shown

ALL = recordings()
EACH = pytest.mark.parametrize("recording", ALL.values(), ids=ALL.keys())


def of(recording: Recording) -> Player:
    return player(recording.source, recording.base)


def test_every_decoder_has_recordings() -> None:
    assert {recording.source for recording in ALL.values()} == set(registry.decoders())


def test_helpers_and_templates_are_no_sources() -> None:
    assert list(registry.decoders()) == ["native", "zigbee2mqtt"]


def test_an_unknown_source_lists_those_there_are() -> None:
    with pytest.raises(UnknownSourceError, match="use one of native, zigbee2mqtt"):
        registry.decoder("zigbe2mqtt")


@EACH
def test_recording_means_what_it_says(recording: Recording) -> None:
    at = of(recording)
    for number, message in enumerate(recording.messages):
        reports, problems = at.record(message)
        expected = [{"device": recording.device, **expect} for expect in message.expect]
        assert reports == expected, f"message {number}: {message.payload}"
        assert problems == message.problems, f"message {number}: {message.payload}"


@EACH
def test_retained_messages_page_nobody(recording: Recording) -> None:
    at = of(recording)
    for message in recording.messages:
        try:
            decoded = at.say(message.topic, message.payload, retained=True)
        except DecodeError:
            continue
        assert {kind_of(report.said) for report in decoded.reports} <= {"offline"}


@EACH
def test_a_retained_copy_never_hides_the_next_call(recording: Recording) -> None:
    """What a broker kept, heard before each live message, takes no call away."""
    at, disturbed = of(recording), of(recording)
    for message in recording.messages:
        if message.retained:
            continue
        reports, _ = at.record(message)
        for other in recording.messages:
            try:
                disturbed.say(other.topic, other.payload, retained=True)
            except DecodeError:
                continue
        again, _ = disturbed.record(message)
        calls = [
            r["kind"] for r in reports if r["kind"] in ("sos", "fall", "smoke", "gas", "co") and r["phase"] == "raise"
        ]
        assert [kind for kind in calls if kind not in [r["kind"] for r in again]] == []


@EACH
def test_a_test_stays_a_test(recording: Recording) -> None:
    at = of(recording)
    for message in recording.messages:
        for report in at.record(message)[0]:
            assert report["kind"] != "test" or report["mode"] == Mode.TEST


@EACH
def test_decoding_is_pure(recording: Recording) -> None:
    first, second = of(recording), of(recording)
    for message in recording.messages:
        device = first.decoder.identify(message.topic, first.base)
        before = json.dumps(dict(first.memory.get(device or "", {})))
        assert first.record(message) == second.record(message)
        assert first.memory == second.memory
        assert json.loads(before) is not None


@EACH
def test_topics_are_heard_by_a_subscription(recording: Recording) -> None:
    at = of(recording)
    filters = [f.format(base=at.base) for f in at.decoder.subscriptions]
    for message in recording.messages:
        if at.decoder.identify(message.topic, at.base) is not None:
            assert any(_matches(f, message.topic) for f in filters), message.topic


@EACH
def test_every_cut_of_a_call_is_heard_or_refused(recording: Recording) -> None:
    """A message that breaks off anywhere raises DecodeError or yields something; never anything else."""
    for message in recording.messages:
        for cut in range(len(message.payload.encode())):
            try:
                decoded = of(recording).say(message.topic, message.payload.encode()[:cut])
            except DecodeError:
                continue
            for report in decoded.reports:
                assert shown(report)["device"]


def _matches(pattern: str, topic: str) -> bool:
    levels, parts = pattern.split("/"), topic.split("/")
    if levels[-1] == "#":
        return parts[: len(levels) - 1] == levels[:-1]
    return len(levels) == len(parts) and all(a in ("+", b) for a, b in zip(levels, parts, strict=True))


def test_recordings_have_both_titles() -> None:
    def untitled() -> Iterator[str]:
        for name, recording in ALL.items():
            if set(recording.title) != {"zh-CN", "en"}:
                yield name

    assert list(untitled()) == []
