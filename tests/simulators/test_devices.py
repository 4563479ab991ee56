"""What invented devices say means what the resident did: one press is one call, however often it is said."""

from collections.abc import Iterable

import pytest

from devices import registry
from devices.events import kind_of
from devices.recording import recordings
from simulators.devices import FallRadar, NativeMessage, RoomSensors, SosButton, Spoken, Wristband


def kinds(source: str, spoken: Iterable[Spoken]) -> list[str]:
    """Kind and phase of every report, in order."""
    decoder = registry.decoder(source)
    memories: dict[str, registry.Memory] = {}
    found: list[str] = []
    for index, message in enumerate(spoken):
        device = decoder.identify(message.topic, decoder.base)
        assert device is not None, message.topic
        told = registry.Message(message.topic, message.payload, retained=False, received_s=float(index) / 100)
        decoded = decoder.decode(told, decoder.base, memories.get(device, {}))
        assert not decoded.problems
        memories[device] = decoded.memory
        found += [f"{kind_of(report.said)} {report.said.phase}" for report in decoded.reports]
    return found


def calls(found: Iterable[str]) -> list[str]:
    """Those that somebody must hear of."""
    return [kind for kind in found if kind.split()[0] in ("sos", "fall", "cancel", "battery_low", "unknown")]


def test_one_press_is_said_three_times_and_is_one_call() -> None:
    button = SosButton("sos_bath")
    assert len(button.press()) == 3
    assert calls(kinds("zigbee2mqtt", button.press())) == ["sos raise"]
    assert calls(kinds("zigbee2mqtt", (*button.press(), *button.press()))) == ["sos raise", "sos raise"]


def test_a_press_is_spelled_as_the_recorded_button_spells_it() -> None:
    recorded = recordings()["zigbee2mqtt_TS0215A_sos"]
    assert any('"action":"emergency"' in message.payload.replace(" ", "") for message in recorded.messages)


def test_a_fall_that_every_later_message_repeats_is_one_fall() -> None:
    radar = FallRadar("fall_bedroom")
    assert calls(kinds("zigbee2mqtt", radar.fall())) == ["fall raise"]
    again = (*radar.normal(), *radar.fall())
    assert calls(kinds("zigbee2mqtt", again)) == ["fall raise"]


def test_an_ordinary_minute_calls_nobody() -> None:
    sensors = RoomSensors()
    found = kinds("zigbee2mqtt", (*sensors.passing_by(), *sensors.door_opened_and_closed()))
    assert calls(found) == []
    assert {"motion update", "contact update"} <= set(found)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Wristband("w").sos(), "sos raise"),
        (Wristband("w").fall(), "fall raise"),
        (Wristband("w").cancel("0198c5a1-0000-7000-8000-000000000001"), "cancel raise"),
        (Wristband("w").battery_low(), "battery_low raise"),
    ],
)
def test_the_wristband_speaks_the_native_protocol(message: NativeMessage, kind: str) -> None:
    assert kinds("native", [message.spoken]) == [kind]


def test_the_wristband_measures() -> None:
    found = kinds("native", [message.spoken for message in Wristband("w").vitals()])
    assert found == ["heart_rate update", "spo2 update", "steps update", "battery update"]
