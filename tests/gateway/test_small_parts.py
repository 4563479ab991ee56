"""Envelopes, jitter, the decoders' time."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import convert_connack_rc_to_reason_code
from paho.mqtt.enums import ConnackCode

from devices import readings
from devices.envelope import Clock, decode_envelopes, encode
from devices.events import Fall, Mode, Sos
from devices.registry import Report
from gateway.config import LocalSettings
from gateway.link import reconnect_delay, wrong_credentials
from gateway.mqtt import Connection
from gateway.scale import Scale
from gateway.stamp import RAW_BYTES, Moment, Stamp, id_apart, raw_of

NOW = Moment(12.3456, datetime(2026, 3, 1, 8, 0, tzinfo=UTC))


def test_an_envelope_reads_back_as_it_was_written() -> None:
    stamp = Stamp("gw-0001")
    cause = uuid4()
    at = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    report = Report(device="band", said=Fall(confidence=0.8), mode=Mode.TEST, cause=str(cause), device_time=at)
    envelope = stamp.envelope(report, NOW, raw=raw_of("t", b"x"))
    (back,) = decode_envelopes(encode(envelope))
    assert back == envelope
    assert back.said() == Fall(confidence=0.8)
    assert (back.seq, back.mono_ms, back.cause, back.mode, back.device_time) == (1, 12345, cause, Mode.TEST, at)
    assert back.id.version == 7
    assert back.raw is not None
    assert back.raw.data == "x"


def test_raw_travels_with_calls_only_and_is_bounded() -> None:
    stamp = Stamp("gw-0001")
    raw = raw_of("t", b"x" * 100_000)
    assert len(raw.data) == RAW_BYTES
    reading = stamp.envelope(Report(device="d", said=readings.Steps(value=1)), NOW, raw=raw)
    assert reading.raw is None
    assert raw_of("t", "é".encode() * 4000 + b"\xff").encoding == "utf-8", "only the head is looked at"
    assert raw_of("t", b"\xff\x00").encoding == "base64"


def test_the_devices_own_id_is_kept() -> None:
    id = uuid4()
    assert Stamp("g").envelope(Report(device="d", said=Sos()), NOW, id=id).id == id
    assert id_apart(id, "a") == id_apart(id, "a")
    assert id_apart(id, "a") != id_apart(id, "b")
    assert isinstance(id_apart(id, "a"), UUID)


def test_a_clock_before_its_time_is_said_to_be_unset() -> None:
    stamp = Stamp("gw-0001")
    long_ago = Moment(1.0, datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    assert stamp.envelope(Report(device="d", said=Sos()), long_ago).clock is Clock.UNSET
    assert stamp.envelope(Report(device="d", said=Sos()), NOW).clock is Clock.SYNCED


def test_every_start_has_its_own_stream_and_every_boot_its_id() -> None:
    assert Stamp("g").stream != Stamp("g").stream
    assert Stamp("g").boot == Stamp("g").boot


@pytest.mark.parametrize("attempt", [0, 1, 5, 100_000])
def test_reconnection_is_spread_and_a_call_waits_five_seconds_at_most(attempt: int) -> None:
    delays = [reconnect_delay(attempt, longest_s=60, urgent=False) for _ in range(300)]
    ceiling = min(60, 2 ** min(attempt, 16))
    assert 0 <= min(delays) < ceiling / 4
    assert ceiling * 3 / 4 < max(delays) <= ceiling
    assert max(reconnect_delay(attempt, longest_s=60, urgent=True) for _ in range(300)) <= 5


def test_who_is_told_to_check_the_key() -> None:
    def refused(code: ConnackCode) -> aiomqtt.MqttError:
        return MqttConnectError(convert_connack_rc_to_reason_code(code))

    assert wrong_credentials(refused(ConnackCode.CONNACK_REFUSED_BAD_USERNAME_PASSWORD))
    assert wrong_credentials(refused(ConnackCode.CONNACK_REFUSED_NOT_AUTHORIZED))
    assert not wrong_credentials(refused(ConnackCode.CONNACK_REFUSED_SERVER_UNAVAILABLE))
    assert not wrong_credentials(aiomqtt.MqttError("no route to host"))


def test_the_decoders_time_stands_still_while_nothing_can_be_heard() -> None:
    scale = Scale(500.0)
    scale.resume(10_000.0)
    assert scale(10_000.0) == 500.0
    assert scale(10_002.5) == 502.5
    assert scale(10_001.0) == 502.5, "never back"
    scale.resume(20_000.0)
    assert scale(20_001.0) == 503.5


async def test_a_key_file_that_is_being_changed_is_a_lost_broker_and_no_end(tmp_path: Path) -> None:
    settings = LocalSettings(username="home", password_file=tmp_path / "away")
    with pytest.raises(aiomqtt.MqttError, match="cannot be read"):
        Connection(settings, identifier="x", username="home", clean_session=True, on_arrival=lambda arrival: None)
