"""Damaged, foreign and hostile input on the real chain: a clear answer each time, and the call beside it arrives."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import httpx
import pytest

from simulators import broker
from simulators.chain import Wanted, started
from simulators.community import PlanTimes
from simulators.dispatch import Alarm, Dispatcher, DispatchError
from simulators.play import Player, at_work
from tests.support import needs

HOST = "127.0.0.1"
WITHIN_S = 30.0
JUNK = (
    b"",
    b"\xff\xfe",
    b"{",
    b"[" * 5000,
    b"null",
    b'{"action":',
    b'{"v":1}',
    b'{"v":1,"kind":"sos","body":7}',
    b"x" * 90000,
)


@pytest.fixture
async def player(tmp_path: Path) -> AsyncIterator[Player]:
    needs.mosquitto()
    times = PlanTimes(family_after_s=3600, responders_after_s=3600)
    async with (
        started(Wanted(state=tmp_path, broker=broker.BrokerKind.MOSQUITTO, times=times)) as chain,
        at_work(chain) as player,
    ):
        yield player


def of(player: Player, resident: str) -> Alarm | None:
    alarms = player.desk.board.alarms.values()
    return next((alarm for alarm in alarms if alarm["subject"] == f"resident:{resident}"), None)


async def test_junk_in_the_home_stops_no_call(player: Player) -> None:
    topics = ("zigbee2mqtt/sos_bath", "zigbee2mqtt/sos_bath/action", "zigbee2mqtt/bridge/state",
              "anhu/device/v1/wristband/up", "anhu/device/v1//up")  # fmt: skip
    async with aiomqtt.Client(HOST, player.chain.ports.home) as device:
        for topic in topics:
            for junk in JUNK:
                await device.publish(topic, junk, qos=1)
    calls = [await player.home.press_button(), await player.home.press_wristband()]
    await player.home.until(lambda: all("centre" in call.heard_at for call in calls), WITHIN_S)
    native = calls[1]
    await player.desk.until(lambda board: board.alarm_of(native.event_id) is not None, WITHIN_S)
    assert player.chain.processes.running("gateway")


async def test_junk_at_the_centre_is_told_and_stops_no_call(player: Player) -> None:
    key = player.chain.community.keys["gw-0002"]
    async with aiomqtt.Client(HOST, player.chain.ports.centre, username="gw-0002", password=key) as gateway:
        for junk in JUNK:
            for priority in ("p0", "p1", "p2", "p9"):
                await gateway.publish(f"anhu/v1/gw-0002/up/{priority}", junk, qos=1)
    call = await player.home.press_wristband()
    await player.desk.until(lambda board: board.alarm_of(call.event_id) is not None, WITHIN_S)
    await player.desk.until(lambda _board: of(player, "r-0002") is not None, WITHIN_S)
    unreadable = of(player, "r-0002")
    assert unreadable is not None
    assert unreadable["kind"] == "unknown"  # somebody may have called there: low confidence, never silence
    assert player.chain.processes.running("server")


async def test_a_device_that_nobody_registered_calls_all_the_same(player: Player) -> None:
    said = {"v": 1, "id": "0198c5a1-0000-7000-8000-00000000c0de", "kind": "sos"}
    async with aiomqtt.Client(HOST, player.chain.ports.home) as device:
        await device.publish("anhu/device/v1/out_of_the_box/up", json.dumps(said), qos=1)
    await player.desk.until(lambda _board: of(player, "r-0001") is not None, WITHIN_S)
    alarm = of(player, "r-0001")
    assert alarm is not None
    assert alarm["device"] == "out_of_the_box"
    assert alarm["device_registered"] is False


async def test_a_second_claim_hears_who_has_it(player: Player) -> None:
    call = await player.home.press_wristband()
    await player.desk.until(lambda board: board.alarm_of(call.event_id) is not None, WITHIN_S)
    alarm = player.desk.board.alarm_of(call.event_id)
    assert alarm is not None
    await player.desk.claim(alarm)
    password = player.chain.community.passwords["zuoxi02"]
    async with Dispatcher.at(player.chain.web_url, "zuoxi02", password) as other:
        await other.refresh()
        with pytest.raises(DispatchError, match=r"409.*already-taken.*坐席01"):
            await other.claim(other.board.alarms[alarm["id"]])


async def test_a_wrong_sign_in_says_no_more_than_that(player: Player) -> None:
    async with httpx.AsyncClient(base_url=player.chain.web_url, trust_env=False) as client:
        answers = [
            await client.post("/api/v1/session", json={"username": name, "password": "wrong password"})
            for name in ("zuoxi01", "nobody")
        ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
