"""`anhu-sim run`: one scenario on a chain of its own, from nothing to the verdict, leaving nothing behind."""

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from simulators import amqtt_broker, broker, chain, show
from simulators.community import PlanTimes
from simulators.play import Report, behaviour_of, play
from simulators.processes import ProcessError
from simulators.scenario import Scenario, ScenarioError, load


def run(name: str, *, as_json: bool, database: str, broker_kind: str | None, keep: Path | None) -> int:
    """Prints the report; 0 when all was as expected, 1 when not, 2 for a wrong scenario, 3 when it could not start."""
    try:
        scenario = load(name)
    except ScenarioError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    try:
        report = asyncio.run(_played(name, scenario, database, broker_kind, keep))
    except ProcessError as error:
        print(f"anhu-sim: {error}", file=sys.stderr)  # noqa: T201
        return 3
    except asyncio.CancelledError:
        return 130
    text = json.dumps(report.as_json(), ensure_ascii=False) if as_json else show.table(report, scenario)
    print(text)  # noqa: T201
    return 0 if report.passed else 1


async def _played(name: str, scenario: Scenario, database: str, broker_kind: str | None, keep: Path | None) -> Report:
    if broker.choose(broker_kind) is broker.BrokerKind.AMQTT:
        print(amqtt_broker.WARNING, file=sys.stderr)  # noqa: T201
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="anhu-sim-") as temporary:
        wanted = wanted_for(scenario, keep or Path(temporary), database, broker_kind)
        async with chain.started(wanted) as running:
            return await play(Path(name).stem, scenario, running)


def wanted_for(
    scenario: Scenario, state: Path, database: str = "sqlite", broker_kind: str | None = None
) -> chain.Wanted:
    """The chain that a scenario asks for."""
    times = scenario.times
    return chain.Wanted(
        state=state,
        broker=broker.choose(broker_kind),
        database=database,
        times=PlanTimes(times.family_after_s, times.responders_after_s, times.wait_s),
        ring_s=times.ring_s,
        gateway_silent_s=times.gateway_silent_s,
        heartbeat_s=times.heartbeat_s,
        behaviours=lambda person_id: behaviour_of(scenario, person_id),
    )
