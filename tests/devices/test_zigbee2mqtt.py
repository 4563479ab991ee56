"""Zigbee2MQTT's traps, one by one: presses said three times, cached levels, retained news, names, damage."""

from collections.abc import Sequence

import pytest

from devices import events
from devices.errors import DecodeError
from devices.events import Mode, Phase
from tests.devices.play import Player, kinds, player, shown

STATE = "zigbee2mqtt/sos"
RAW = "zigbee2mqtt/sos/action"
PRESS = '{"action":"emergency","linkquality":90}'
RESET = '{"action":"","linkquality":90}'


@pytest.fixture
def z2m() -> Player:
    return player("zigbee2mqtt")


def raised(at: Player, messages: Sequence[tuple[str, str]], gap_s: float = 0.01) -> list[str]:
    return kinds([at.say(topic, payload, after_s=gap_s) for topic, payload in messages])


BOTH = [(STATE, PRESS), (STATE, RESET), (RAW, "emergency")]
RAW_FIRST = [(RAW, "emergency"), (STATE, PRESS), (STATE, RESET)]
JSON_ONLY = [(STATE, PRESS), (STATE, RESET)]
NO_RESET = [(STATE, PRESS)]
RAW_ONLY = [(RAW, "emergency")]
ATTRIBUTES = [(RAW, "emergency"), ("zigbee2mqtt/sos/linkquality", "90"), (RAW, "")]
EVERYTHING = [*BOTH, ("zigbee2mqtt/sos/linkquality", "90")]


@pytest.mark.parametrize("press", [BOTH, RAW_FIRST, JSON_ONLY, NO_RESET, RAW_ONLY, ATTRIBUTES, EVERYTHING])
@pytest.mark.parametrize("presses", [1, 2, 5, 40])
def test_each_press_is_one_event(z2m: Player, press: list[tuple[str, str]], presses: int) -> None:
    assert raised(z2m, press * presses) == ["sos"] * presses


def test_two_presses_whose_echoes_are_late_are_two(z2m: Player) -> None:
    assert raised(z2m, [(STATE, PRESS), (STATE, PRESS), (RAW, "emergency"), (RAW, "emergency")]) == ["sos", "sos"]


def test_what_comes_after_the_echo_window_is_a_press_of_its_own(z2m: Player) -> None:
    assert raised(z2m, [(STATE, PRESS), (RAW, "emergency")], gap_s=2.5) == ["sos", "sos"]


def test_an_echo_says_the_same(z2m: Player) -> None:
    assert raised(z2m, [(STATE, '{"action":"single"}'), (RAW, "double")]) == ["sos", "sos"]


@pytest.mark.parametrize(
    ("action", "press"),
    [("emergency", None), ("panic", None), ("sos", None), ("SOS", None), ("emergency_1", None), ("single", "short"),
     ("double", "double"), ("hold", "long")],
)  # fmt: skip
@pytest.mark.parametrize("topic", [STATE, RAW])
def test_every_spelling_of_a_call(z2m: Player, topic: str, action: str, press: str | None) -> None:
    payload = action if topic == RAW else f'{{"action":"{action}"}}'
    assert [r.said for r in z2m.say(topic, payload).reports] == [events.Sos(press=press)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "action",
    ["", "off", "release", "hold_release", "disarm", "arm_day_zones", "arm_night_zones", "arm_all_zones",
     "arm_partial_zones", "exit_delay", "entry_delay", "identify", "none", "fall", "shake", "throw", "flip90", "slide",
     "toggle", "on", "on_2", "brightness_move_up", "brightness_step_down", "color_temperature_move", "1_single",
     "single_left", "button_3_double", "recall_2", "scene_4", "arrow_left_click", "keypad_unlock", "pressed",
     "vibration", "1_min_inactivity", "rotate_right", "key1", "stop_rotating"],
)  # fmt: skip
def test_no_call(z2m: Player, action: str) -> None:
    assert raised(z2m, [(STATE, f'{{"action":"{action}"}}'), (RAW, action)]) == []


@pytest.mark.parametrize("action", ["help_me", "sos_cancel", "long", "triple", "button1x", "呼救", "press", "1"])
def test_an_unread_action_is_never_silent(z2m: Player, action: str) -> None:
    at = player("zigbee2mqtt")
    assert [r.said for r in at.say(STATE, f'{{"action":"{action}"}}').reports] == [events.Unknown(said=action)]
    assert raised(at, [(RAW, action)]) == []
    assert raised(z2m, [(RAW, action), (STATE, f'{{"action":"{action}"}}')]) == ["unknown"]


@pytest.mark.parametrize("action", ['["emergency"]', "true", "3", '{"type":"sos"}'])
def test_an_action_that_is_no_text_is_never_silent(z2m: Player, action: str) -> None:
    assert raised(z2m, [(STATE, f'{{"action":{action}}}')]) == ["unknown"]


@pytest.mark.parametrize("action", ["null", "false", '""', '" "'])
def test_an_empty_action_is_nothing(z2m: Player, action: str) -> None:
    assert raised(z2m, [(STATE, f'{{"action":{action}}}')]) == []


def test_remote_words_of_a_device_that_has_called_are_not_excused(z2m: Player) -> None:
    assert raised(z2m, [(STATE, '{"action":"toggle"}')]) == []
    assert raised(z2m, [(STATE, PRESS), (STATE, '{"action":"toggle"}'), (STATE, '{"action":"disarm"}')]) == [
        "sos",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("field", "alarm", "normal", "kind", "clears"),
    [
        ("sos", "true", "false", "sos", False),
        ("sos_alarm", "true", "false", "sos", False),
        ("fall_status", '"fall_alarm"', '"normal"', "fall", True),
        ("fall_status", '"fall_warning"', '"normal"', "fall_warning", True),
        ("fall_down_status", '"fall"', '"none"', "fall", True),
        ("fall_down_status", '"maybe_fall"', '"none"', "fall_warning", True),
        ("status", '"falling"', '"sitting"', "fall", True),
        ("smoke", "true", "false", "smoke", True),
        ("smoke_state", '"alarm"', '"normal"', "smoke", True),
        ("smoke_alarm_1", "true", "false", "smoke", True),
        ("gas", "true", "false", "gas", True),
        ("gas_sensor_state", '"alarm"', '"normal"', "gas", True),
        ("carbon_monoxide", "true", "false", "co", True),
        ("water_leak", "true", "false", "water_leak", True),
        ("tamper", "true", "false", "tamper", True),
        ("battery_low", "true", "false", "battery_low", True),
        ("battery_state", '"low"', '"high"', "battery_low", True),
        ("ac_status", "true", "false", "mains_lost", True),
        ("ac_connected", "false", "true", "mains_lost", True),
        ("trouble", "true", "false", "fault", True),
        ("fault", '"e2"', '"none"', "fault", True),
        ("test", "true", "false", "test", False),
        ("alarm_1", "true", "false", "unknown", False),
    ],
)
def test_a_level_counts_when_it_changes(
    z2m: Player, field: str, alarm: str, normal: str, kind: str, clears: bool
) -> None:
    def said(value: str) -> list[tuple[str, str]]:
        decoded = z2m.say(STATE, f'{{"{field}":{value},"linkquality":90}}', after_s=5)
        lines = [shown(r) for r in decoded.reports]
        return [(line["kind"], line["phase"]) for line in lines if line["kind"] == kind]

    clear = [(kind, "clear")] if clears else []
    assert said(normal) == []
    assert said(alarm) == [(kind, "raise")]
    assert said(alarm) == []
    assert said("null") == []
    assert said(normal) == clear
    assert said(normal) == []
    assert said(alarm) == [(kind, "raise")]
    attribute = player("zigbee2mqtt")
    assert kinds(attribute.say(f"{STATE}/{field}", alarm.strip('"'))) == [kind]
    assert kinds(attribute.say(STATE, f'{{"{field}":{alarm}}}')) == []


def test_flags_beside_a_call_do_not_mask_it(z2m: Player) -> None:
    payload = (
        '{"sos":true,"fall_status":"fall_alarm","smoke":true,"test":true,"tamper":true,"battery_low":true,'
        '"battery":"?","last_seen":[],"occupancy":"maybe","status":7,"water_leak":{"x":1}}'
    )
    decoded = z2m.say(STATE, payload)
    assert kinds(decoded) == ["sos", "fall", "smoke", "test", "tamper", "battery_low"]
    assert {r.mode for r in decoded.reports if isinstance(r.said, events.Sos | events.Fall)} == {Mode.ACTUAL}
    assert {r.mode for r in decoded.reports if isinstance(r.said, events.Smoke | events.Test)} == {Mode.TEST}


def test_an_action_and_a_level_of_one_message_are_one_call(z2m: Player) -> None:
    assert raised(z2m, [(STATE, '{"action":"sos","sos_alarm":true}'), (RAW, "sos")]) == ["sos"]


def test_smoke_that_stays_after_the_test_is_smoke(z2m: Player) -> None:
    z2m.say(STATE, '{"smoke":true,"test":true}')
    (report,) = z2m.say(STATE, '{"smoke":true,"test":false}').reports
    assert report.said == events.Smoke()
    assert report.mode is Mode.ACTUAL


def test_a_value_no_table_knows_is_a_low_confidence_call_once(z2m: Player) -> None:
    strange = '{"fall_status":"sliding"}'
    assert raised(z2m, [(STATE, strange), (STATE, strange), (STATE, '{"fall_status":"normal"}')]) == ["unknown"]


def test_a_sounding_siren_is_no_call(z2m: Player) -> None:
    assert raised(z2m, [(STATE, '{"alarm":true,"volume":"high","duration":60}')]) == []


class TestRetained:
    """Old news pages nobody, and never makes a later call unheard."""

    @pytest.mark.parametrize(
        ("topic", "payload"), [(STATE, PRESS), (STATE, '{"sos":true}'), (RAW, "emergency"), (f"{STATE}/sos", "true")]
    )
    def test_it_pages_nobody_and_the_live_one_does(self, z2m: Player, topic: str, payload: str) -> None:
        assert z2m.say(topic, payload, retained=True).reports == ()
        assert kinds(z2m.say(topic, payload)) == ["sos"]

    def test_a_level_that_ended_unheard_calls_again(self, z2m: Player) -> None:
        z2m.say(STATE, '{"sos":true}')
        z2m.say(STATE, '{"sos":false}', retained=True)
        assert kinds(z2m.say(STATE, '{"sos":true}')) == ["sos"]

    def test_a_level_that_ended_unheard_is_cleared_by_the_next_live_message(self, z2m: Player) -> None:
        z2m.say(STATE, '{"smoke":true}')
        assert z2m.say(STATE, '{"smoke":false}', retained=True).reports == ()
        assert [r.said for r in z2m.say(STATE, '{"smoke":false}').reports] == [events.Smoke(phase=Phase.CLEAR)]

    @pytest.mark.parametrize("name", ["sos", "bath/sos"])
    def test_after_a_time_of_deafness_a_level_calls_again(self, z2m: Player, name: str) -> None:
        topic = f"zigbee2mqtt/{name}"
        both = '{"sos":true,"smoke":true}'
        z2m.say(topic, both)
        for _ in range(2):
            z2m.memory = {device: z2m.decoder.rearm(memory) for device, memory in z2m.memory.items()}
        assert kinds(z2m.say(topic, both)) == ["sos", "smoke"]
        assert kinds(z2m.say(topic, both)) == []
        z2m.memory = {device: z2m.decoder.rearm(memory) for device, memory in z2m.memory.items()}
        (report,) = z2m.say(topic, '{"sos":false,"smoke":false}').reports
        assert report.said == events.Smoke(phase=Phase.CLEAR)

    def test_availability_is_the_present_truth(self, z2m: Player) -> None:
        assert kinds(z2m.say(f"{STATE}/availability", '{"state":"offline"}', retained=True)) == ["offline"]
        assert kinds(z2m.say(f"{STATE}/availability", '{"state":"offline"}')) == []

    def test_a_damaged_one_is_refused(self, z2m: Player) -> None:
        with pytest.raises(DecodeError):
            z2m.say(STATE, '{"action":"emergency","b', retained=True)


class TestNames:
    @pytest.mark.parametrize(
        "name", ["sos", "bath/sos", "一楼/浴室/smoke", "kitchen/gas/action/sos", "x/battery/battery"]
    )
    def test_slashes_and_field_names_in_a_name(self, z2m: Player, name: str) -> None:
        messages = [(f"zigbee2mqtt/{name}", PRESS), (f"zigbee2mqtt/{name}/action", "emergency")] * 2
        reports = [r for topic, payload in messages for r in z2m.say(topic, payload).reports]
        assert [r.device for r in reports if isinstance(r.said, events.Sos)] == [name, name]
        decoded = z2m.say(f"zigbee2mqtt/{name}/availability", "offline")
        assert [r.device for r in decoded.reports] == [name]
        assert decoded.device == name

    def test_devices_that_share_a_memory_do_not_share_edges(self, z2m: Player) -> None:
        devices = ["kitchen", "kitchen/smoke", "kitchen/gas"]
        heard = [kinds(z2m.say(f"zigbee2mqtt/{d}", '{"smoke":true,"tamper":true}')) for d in devices]
        assert heard == [["smoke", "tamper"]] * 3

    @pytest.mark.parametrize("topic", ["sos/set", "sos/get", "sos/set/state", "a/b/set", "bridge/info", "bridge/health",
                                       "bridge/devices", "bridge/request/restart", "bridge", ""])  # fmt: skip
    def test_topics_that_are_not_ours(self, z2m: Player, topic: str) -> None:
        assert z2m.decoder.identify(f"zigbee2mqtt/{topic}", "zigbee2mqtt") is None

    def test_another_base(self) -> None:
        at = player("zigbee2mqtt", "homes/7/zigbee")
        assert kinds(at.say("homes/7/zigbee/bath/sos", PRESS)) == ["sos"]
        assert at.decoder.identify("zigbee2mqtt/bath/sos", at.base) is None
        assert at.decoder.identify("homes/7/zigbee2/bath", at.base) is None


class TestDamage:
    @pytest.mark.parametrize(
        ("payload", "kind"),
        [
            ('{"action":"emergency","batt', "sos"),
            ('{"battery":9,"action":"emergency"', "sos"),
            ('{"action":"emergency","x":' + "[" * 5000, "sos"),
            ('{"action":"emergency","x":"\ud83d'.encode(errors="replace").decode() + "\x00", "sos"),
            ('[{"action":"emergency"}]', "sos"),
            ('{"action":"emergen', "unknown"),
            ('{"action":"hol', "unknown"),
            ('{"sos":true', "sos"),
            ('{"sos":tr', "unknown"),
            ('{"fall_status":"fall_alarm",,}', "fall"),
            ('{"fall_status":"fall_', "unknown"),
            ('{"smoke": true, "tamper": fals', "smoke"),
            ("emergency", "unknown"),
            ('{"action":"emergency","padding":"' + "x" * 100_000 + '"}', "sos"),
        ],
    )
    def test_the_call_in_the_head_is_heard(self, z2m: Player, payload: str, kind: str) -> None:
        decoded = z2m.say(STATE, payload)
        assert kinds(decoded) == [kind]
        assert [problem.field for problem in decoded.problems] == ["payload"]

    def test_a_damaged_press_and_its_echo_are_one(self, z2m: Player) -> None:
        assert raised(z2m, [(STATE, '{"action":"emergency","batt'), (RAW, "emergency")]) == ["sos"]

    @pytest.mark.parametrize(
        "payload", [b"{", b"[]", b"5", b"true", b"online", b"\xff\xfe\x00", b'{"battery":9', b'{"fall_status":"norm',
                    b'{"action":"tog', b'{"smoke":fal'],
    )  # fmt: skip
    def test_the_rest_is_refused_with_what_would_be_right(self, z2m: Player, payload: bytes) -> None:
        with pytest.raises(DecodeError, match="payload: a device's state is a whole JSON object"):
            z2m.say(STATE, payload)

    def test_a_state_taken_away_is_nothing(self, z2m: Player) -> None:
        assert z2m.say(STATE, b"", retained=True).reports == ()

    def test_an_unreadable_word_on_the_action_topic_is_a_low_confidence_call(self, z2m: Player) -> None:
        assert kinds(z2m.say(RAW, b"\xff\xfe")) == ["unknown"]

    @pytest.mark.parametrize("payload", [b"perhaps", b"{}", b'{"state":1}', b'{"state":"offl', b"\xff"])
    @pytest.mark.parametrize("topic", ["zigbee2mqtt/bridge/state", "zigbee2mqtt/a/availability"])
    def test_availability_must_be_one_of_two_words(self, z2m: Player, topic: str, payload: bytes) -> None:
        with pytest.raises(DecodeError, match="online"):
            z2m.say(topic, payload)

    def test_other_attributes_are_nothing(self, z2m: Player) -> None:
        decoded = z2m.say("zigbee2mqtt/sos/color_mode", "xy")
        assert (decoded.reports, decoded.device) == ((), "sos")


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        ('{"temperature":21.5}', [("room_temperature", 21.5)]),
        ('{"humidity":"48"}', [("humidity", 48.0)]),
        ('{"illuminance":3000,"illuminance_lux":12}', [("illuminance", 12.0)]),
        ('{"battery":null,"linkquality":null,"temperature":""}', []),
        ('{"battery":0}', [("battery", 0.0)]),
        ('{"battery":255}', [("no_reading", None)]),
        ('{"heart_rate":0}', [("no_reading", None)]),
        ('{"breathing_rate":-3}', [("no_reading", None)]),
        ('{"breathing_rate":"n/a","battery":50}', [("no_reading", None), ("battery", 50.0)]),
        ('{"humidity":1e300,"battery":[1]}', [("no_reading", None), ("no_reading", None)]),
    ],
)
def test_readings(z2m: Player, payload: str, lines: list[tuple[str, float | None]]) -> None:
    assert [(s["kind"], s.get("value")) for s in map(shown, z2m.say(STATE, payload).reports)] == lines


@pytest.mark.parametrize(
    ("last_seen", "time"),
    [
        ('"2026-03-01T00:00:00.500Z"', "2026-03-01T00:00:00.500000+00:00"),
        ('"2026-03-01T08:00:00+08:00"', "2026-03-01T08:00:00+08:00"),
        ("1772323200000", "2026-03-01T00:00:00+00:00"),
        ('"2026-03-01T08:00:00"', None),
        ('"never"', None),
        ("null", None),
        ("1e30", None),
        ("-1", None),
    ],
)
def test_last_seen(z2m: Player, last_seen: str, time: str | None) -> None:
    (report,) = z2m.say(STATE, f'{{"action":"emergency","last_seen":{last_seen}}}').reports
    assert shown(report).get("device_time") == time
