"""anhu-devices as a vendor uses it: a message in, JSON lines out, exit codes that a script can trust."""

import json
import subprocess
import sys
from typing import Any

import pytest

from devices.recording import recordings

SOS = '{"action":"emergency","battery":87,"linkquality":90,"last_seen":1772323200000}'


def devices(*arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[bytes]:
    payload = stdin.encode() if isinstance(stdin, str) else stdin
    command = [sys.executable, "-m", "devices", *arguments]
    return subprocess.run(command, input=payload, capture_output=True, timeout=60, check=False)


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_one_message() -> None:
    done = devices("decode", "--source", "zigbee2mqtt", "--topic", "zigbee2mqtt/浴室/sos", stdin=SOS + "\n")
    assert (done.returncode, done.stderr) == (0, b"")
    time = "2026-03-01T00:00:00+00:00"
    both = {"device": "浴室/sos", "mode": "actual", "device_time": time}
    assert lines(done) == [
        {**both, "kind": "sos", "phase": "raise"},
        {**both, "kind": "battery", "phase": "update", "value": 87.0, "unit": "%"},
        {**both, "kind": "signal", "phase": "update", "value": 90.0, "unit": "lqi"},
    ]


def test_a_native_message_without_a_topic() -> None:
    done = devices("decode", "--source", "native", stdin='{"v":1,"kind":"sos","body":{"press":"long"}}')
    assert lines(done) == [{"device": "device", "kind": "sos", "phase": "raise", "mode": "actual", "press": "long"}]


def test_a_retained_message_says_nothing() -> None:
    done = devices("decode", "--source", "zigbee2mqtt", "--retained", stdin=SOS)
    assert (done.returncode, done.stdout) == (0, b"")


def test_another_base() -> None:
    done = devices("decode", "--source", "zigbee2mqtt", "--base", "z/1", "--topic", "z/1/a/action", stdin="panic")
    assert [line["device"] for line in lines(done)] == ["a"]


def test_a_sequence_is_decoded_with_memory() -> None:
    rows = [
        {"topic": "zigbee2mqtt/a", "payload": SOS, "retain": False},
        {"topic": "zigbee2mqtt/a/action", "payload": "emergency"},
        {"topic": "zigbee2mqtt/a", "payload": {"action": "emergency"}, "retain": 1},
        {"topic": "zigbee2mqtt/a", "payload": {"action": "emergency"}, "retain": 0},
        {"topic": "zigbee2mqtt/a/action", "payload": "emergency", "after_s": 3},
        {"topic": "zigbee2mqtt/bridge/info", "payload": "{}"},
    ]
    done = devices("decode", "--source", "zigbee2mqtt", "--jsonl", stdin="\n".join(map(json.dumps, rows)))
    assert done.returncode == 0
    assert [line["kind"] for line in lines(done)].count("sos") == 3
    assert b"line 6: topic zigbee2mqtt/bridge/info says nothing" in done.stderr


def test_a_bad_line_does_not_stop_the_rest() -> None:
    rows = ['{"topic":"zigbee2mqtt/a","payload":"{"}', "nonsense", '{"payload":"x"}', '{"topic":"x/a"}',
            '{"topic":"zigbee2mqtt/a/action","payload":"panic"}']  # fmt: skip
    done = devices("decode", "--source", "zigbee2mqtt", "--jsonl", stdin="\n".join(rows))
    assert done.returncode == 1
    assert [line["kind"] for line in lines(done)] == ["sos"]
    errors = done.stderr.decode().splitlines()
    assert [error.split(":")[1].strip() for error in errors] == ["line 1", "line 2", "line 3", "line 4"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["--source", "zigbee2mqtt"], b'{"battery":8', "payload: a device's state is a whole JSON object"),
        (["--source", "zigbee2mqtt", "--topic", "other/a"], b"{}", "topic: 'other/a' is not below the base"),
        (["--source", "native"], b"sos", "payload: not JSON"),
        (["--source", "native"], b'{"v":1,"kind":"bed","body":{"state":"wet"}}', "body.state: "),
        (["--source", "native"], b"\xff\x00", "payload: "),
    ],
)
def test_what_cannot_be_decoded_is_one_clear_line(arguments: list[str], stdin: bytes, message: str) -> None:
    done = devices("decode", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(done.stderr.splitlines()) == 1
    assert f"anhu-devices: {message}" in done.stderr.decode()


def test_what_was_good_in_a_damaged_message_is_still_printed() -> None:
    done = devices("decode", "--source", "zigbee2mqtt", stdin='{"action":"emergency","batt')
    assert done.returncode == 1
    assert [line["kind"] for line in lines(done)] == ["sos"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "--source", "zigbe"], "unknown source 'zigbe': use one of native, zigbee2mqtt"),
        (["decode"], "--source"),
        (["decode", "--source", "native", "--jsonl", "--topic", "x"], "leave --topic out"),
        (["encode"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = devices(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["decode", "--help"]])
def test_help_has_examples(arguments: list[str]) -> None:
    done = devices(*arguments)
    assert done.returncode == 0
    assert b"anhu-devices decode --source zigbee2mqtt" in done.stdout


def test_sources_are_listed() -> None:
    done = devices("sources")
    assert [line.split("\t")[0] for line in done.stdout.decode().splitlines()] == ["native", "zigbee2mqtt"]


def test_a_whole_recording_gives_its_events() -> None:
    recording = recordings()["zigbee2mqtt_SEB01ZB"]
    rows = [
        json.dumps({"topic": m.topic, "payload": m.payload, "retain": m.retained, "after_s": m.after_s})
        for m in recording.messages
    ]
    done = devices("decode", "--source", recording.source, "--jsonl", stdin="\n".join(rows))
    expected = [expect["kind"] for message in recording.messages for expect in message.expect]
    assert [line["kind"] for line in lines(done)] == expected
