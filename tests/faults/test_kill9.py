"""A hundred presses while a part is killed (-9) and started again ten times: each becomes a signal exactly once."""

import asyncio
from pathlib import Path

import pytest

from simulators import broker, record
from simulators.chain import Part, Wanted, started
from simulators.community import PlanTimes
from simulators.play import Player, at_work
from tests.support import needs

ROUNDS = 10
PRESSES = 10
WITHIN_S = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """SQLite, and PostgreSQL where it can be had."""
    if request.param == "sqlite":
        return "sqlite"
    url: str = request.getfixturevalue("postgres_url")
    return url


async def a_round(player: Player, part: Part, number: int) -> None:
    """Ten presses; the part is killed around another one of them in each round, and started again at once."""
    restarting: asyncio.Task[None] | None = None
    for index in range(PRESSES):
        press = player.home.press_button if index % 2 else player.home.press_wristband
        if index != number:
            await press()
            continue
        match number % 3:
            case 0:  # while it is being said
                await asyncio.gather(press(), player.chain.kill(part))
            case 1:  # when the home's broker has it
                await press()
                await player.chain.kill(part)
            case _:  # when the gateway has it and passes it on
                call = await press()
                await player.home.until(lambda call=call: "stored" in call.heard_at, WITHIN_S)  # type: ignore[misc]
                await player.chain.kill(part)
        restarting = asyncio.create_task(player.chain.start(part))
    assert restarting is not None
    await restarting


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["server", "gateway"])
async def test_every_press_becomes_one_signal_exactly_once(part: Part, database: str, tmp_path: Path) -> None:
    needs.mosquitto()
    wanted = Wanted(
        state=tmp_path,
        broker=broker.BrokerKind.MOSQUITTO,
        database=database,
        times=PlanTimes(family_after_s=3600, responders_after_s=3600),
    )
    async with started(wanted) as chain, at_work(chain) as player:
        for number in range(ROUNDS):
            await a_round(player, part, number)
        # The last word: what one gateway says arrives in order, so nothing that is still under way comes after it.
        await player.home.press_wristband()
        pressed = ROUNDS * PRESSES + 1
        await player.home.until(lambda: "centre" in player.home.calls[-1].heard_at, WITHIN_S)
        await player.desk.until(lambda board: record.count(player.home.calls, board).signals >= pressed, WITHIN_S)
        await player.desk.refresh("all")
        counts = record.count(player.home.calls, player.desk.board)
    assert (counts.pressed, counts.lost, counts.duplicated) == (pressed, 0, 0)
    assert (counts.alarms, counts.signals) == (1, pressed)
