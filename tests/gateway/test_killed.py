"""kill -9 of the gateway, of a broker, of everything: no press is lost and none arrives as two."""

import asyncio
import random
from collections import Counter
from uuid import UUID

import pytest

from simulators import processes
from tests.gateway.rig import Centre, Home, Rig, log_line

ROUNDS = 10
BUTTONS = 10
"""A hundred presses of each sort."""


@pytest.mark.timeout(300)
async def test_the_gateway_is_killed_again_and_again_while_buttons_are_pressed(
    brokers: Rig, centre: Centre, home: Home
) -> None:
    """Native buttons resend until they hear; Zigbee ones say it once at QoS 1, and only the broker knows it."""
    dice = random.Random(20260301)
    config = brokers.configure(centre="resend_s = 1")
    command = brokers.command(config, ready=log_line("local_connected"))
    await brokers.running.start(command)
    native: list[str] = []
    pressing = asyncio.Event()
    over = asyncio.Event()

    async def button(number: int) -> None:
        for round in range(ROUNDS):
            await asyncio.sleep(dice.uniform(0, 0.2))  # people press when they like; nothing waits for this
            pressing.set()
            native.append(await home.press_native(f"native_{number}"))
            name = f"zigbee_{number}"
            await home.press_zigbee(name, link=100)
            # The same words as before: only the press before must have been seen, or nobody could tell them apart.
            await centre.until(lambda name=name, round=round: _pressed(centre)[name] > round)  # type: ignore[misc]

    async def killer() -> int:
        kills = 0
        while not over.is_set():
            pressing.clear()
            await pressing.wait()
            await asyncio.sleep(dice.uniform(0, 0.15))  # at any instant of the work
            await brokers.running["gateway"].kill()
            await brokers.running.start(command)
            kills += 1
        return kills

    async with asyncio.TaskGroup() as tasks:
        killing = tasks.create_task(killer())
        async with asyncio.TaskGroup() as buttons:
            for number in range(BUTTONS):
                buttons.create_task(button(number))
        over.set()
        pressing.set()
    assert killing.result() >= 3
    await brokers.running["gateway"].stop()
    assert _pressed(centre) == Counter({f"{sort}_{n}": ROUNDS for sort in ("native", "zigbee") for n in range(BUTTONS)})
    assert {UUID(id) for id in native} == {e.id for e in centre.of_kind("sos") if e.device.startswith("native")}
    assert not centre.of_kind("unknown", "fault")


def _pressed(centre: Centre) -> Counter[str]:
    """Distinct presses by device."""
    return Counter(e.device for e in centre.of_kind("sos"))


async def test_presses_wait_in_the_homes_broker_while_the_gateway_is_away(
    brokers: Rig, centre: Centre, home: Home
) -> None:
    gateway = await brokers.start_gateway()
    await gateway.kill()
    for number in range(3):
        await home.press_zigbee(f"sos_{number}")
    await brokers.start_gateway()
    await centre.until(lambda: len(centre.of_kind("sos")) == 3)


async def test_a_call_that_no_centre_has_is_confirmed_again_after_a_restart(
    brokers: Rig, centre: Centre, home: Home
) -> None:
    centre.silent = True
    gateway = await brokers.start_gateway()
    id = await home.press_native("sos_bath")
    await centre.until(lambda: len(centre.received) > 0)
    await gateway.kill()
    await brokers.start_gateway()
    await home.until(lambda: home.stages(id) == ["stored", "stored"])
    centre.silent = False
    await home.until(lambda: home.stages(id) == ["stored", "stored", "centre"])
    assert [str(e.id) for e in centre.of_kind("sos")] == [id]


async def test_both_brokers_are_killed(brokers: Rig, centre: Centre, home: Home) -> None:
    await brokers.start_gateway(brokers.configure(centre="resend_s = 1\nreconnect_max_s = 2"))
    await home.press_native("before")
    await centre.until(lambda: len(centre.of_kind("sos")) == 1)
    centre_broker, home_broker = brokers.running["centre-broker"], brokers.running["home-broker"]
    await centre_broker.kill()
    await home.press_native("meanwhile")  # acknowledged by the gateway although no centre is there
    await home_broker.kill()
    await brokers.running.start(home_broker.command)
    await brokers.running.start(centre_broker.command)
    async with Centre(brokers.centre_port).connected() as again, Home(brokers.home_port).connected() as devices:
        await again.until(lambda: [e.device for e in again.of_kind("sos")] == ["meanwhile"])
        await devices.press_native("after")
        await again.until(lambda: {e.device for e in again.of_kind("sos")} == {"meanwhile", "after"})
    assert brokers.running.running("gateway")


async def test_a_gateway_that_is_told_to_stop_ends_well(brokers: Rig) -> None:
    gateway = await brokers.start_gateway()
    assert await gateway.stop() == 0
    assert brokers.log()[-1]["event"] == "stopping"


async def test_two_gateways_on_one_store(brokers: Rig) -> None:
    config = brokers.configure()
    await brokers.start_gateway(config)
    second = processes.Command("second", brokers.command(config).argv, brokers.directory)
    with pytest.raises(processes.ProcessError, match=r"ended with 3:\n.*another anhu-gateway is using it"):
        await brokers.running.start(second)
