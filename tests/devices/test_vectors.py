"""Captured messages of real devices, where they lie beside the project: what each is known to mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.devices.play import player, shown

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
ZIGBEE2MQTT = VECTORS / "zigbee2mqtt.jsonl"

pytestmark = pytest.mark.skipif(not ZIGBEE2MQTT.exists(), reason="no captured messages in ../shared/vectors")

ALARMS = {"sos", "fall", "fall_warning", "smoke", "co", "gas", "water_leak", "offline", "unknown", "test", "help"}
MEANINGS = {
    "SOS": ["sos"],
    "none": [],
    "same press again": ["sos"],  # heard alone it is a press
    "presence": [],
    "pre-alarm": ["fall_warning"],
    "FALL": ["fall"],
    "TRAP": [],
    "motion": [],
    "OPEN": [],
    "SMOKE": ["smoke"],
    "CO": ["co"],
    "GAS": ["gas"],
    "LEAK": ["water_leak"],
    "device offline": ["offline"],
    "device renamed": [],
    "coordinator service lost": ["offline"],
    "per-device message counts": [],
}
STATES = {"presence": ("presence", "present"), "motion": ("motion", "active"), "OPEN": ("contact", "open")}


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in ZIGBEE2MQTT.read_text().splitlines()] if ZIGBEE2MQTT.exists() else []


def meaning_of(row: dict[str, Any]) -> str:
    return next(known for known in sorted(MEANINGS, key=len, reverse=True) if row["meaning"].startswith(known))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['device']}: {row['meaning'][:30]}")
def test_each_message_alone(row: dict[str, Any]) -> None:
    meaning = meaning_of(row)
    lines = [shown(r) for r in player("zigbee2mqtt").say(row["topic"], row["payload"], retained=row["retain"]).reports]
    assert [line["kind"] for line in lines if line["kind"] in ALARMS and line["phase"] == "raise"] == MEANINGS[meaning]
    if meaning in STATES:
        assert STATES[meaning] in [(line["kind"], line.get("state")) for line in lines]


def test_in_order_a_press_that_is_repeated_counts_once() -> None:
    at = player("zigbee2mqtt")
    heard: dict[str, int] = {}
    for row in rows():
        for report in at.say(row["topic"], row["payload"], retained=row["retain"], after_s=0.01).reports:
            if shown(report)["kind"] == "sos":
                heard[report.device] = heard.get(report.device, 0) + 1
    assert set(heard.values()) == {1}
    assert len(heard) == len({row["topic"] for row in rows() if meaning_of(row) == "SOS"})
