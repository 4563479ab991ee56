"""Every shipped scenario as a user plays it: one command, one JSON object, everything a process of its own."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simulators import scenario
from tests.support import needs

ROOT = Path(__file__).resolve().parents[2]


async def run(name: str, *options: str) -> dict[str, Any]:
    """The report of `anhu-sim run`; fails with what was printed when it is not "passed"."""
    code, out, err = await command("run", name, "--json", *options)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    assert report["verdict"] == "passed", f"{report['problems']}\n{err}"
    assert code == 0
    return report


async def command(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def assert_in_order(event: dict[str, Any], hops: Sequence[str]) -> None:
    """The hops of one event, each no earlier than those it needs."""
    ms = event["ms"]
    assert [hop for hop in hops if hop not in ms] == []
    assert 0 <= ms["gateway_stored"] <= ms["centre_committed"]
    assert ms["gateway_stored"] <= ms["on_board"]


@pytest.mark.parametrize("name", scenario.shipped())
async def test_scenario_on_mosquitto_and_sqlite(name: str) -> None:
    needs.mosquitto()
    report = await run(name, "--broker", "mosquitto")
    counts = report["counts"]
    assert (counts["lost"], counts["duplicated"]) == (0, 0)
    assert counts["pressed"] == counts["signals"] == counts["stored"] == counts["committed"] > 0
    for event in report["events"]:
        if event["kind"] != "cancel":
            assert_in_order(event, scenario.load(name).expect.hops)


async def test_sos_without_mosquitto() -> None:
    report = await run("sos", "--broker", "amqtt")
    assert report["broker"] == "amqtt"


async def test_sos_on_postgresql(postgres_url: str) -> None:
    needs.mosquitto()
    report = await run("sos", "--database", postgres_url)
    assert report["database"] == "postgresql"


async def test_a_scenario_that_expects_what_does_not_happen_fails(tmp_path: Path) -> None:
    needs.mosquitto()
    story = tmp_path / "story.yaml"
    story.write_text(
        """
        title: {zh-CN: 未关闭, en: Never closed}
        about: {zh-CN: 无人处理, en: Nobody acts}
        times: {family_after_s: 600}
        steps: [{do: press, device: wristband}, {do: wait_for, hop: on_board}]
        expect: {alarms: 2}
        """
    )
    code, out, _ = await command("run", str(story), "--json")
    report = json.loads(out)
    assert code == 1
    assert report["verdict"] == "failed"
    assert "sos of wristband: never closed" in report["problems"]
    assert "alarms: 1, expected 2" in report["problems"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title: {zh-CN: a, en: b}\nabout: {zh-CN: a, en: b}\nsteps: []", "steps: "),
        ("title: {zh-CN: a, en: b}\nabout: {zh-CN: a, en: b}\nsteps: [{do: press, tiems: 2}]", "tiems: unknown key"),
        ("title: [", "not YAML"),
    ],
)
async def test_a_wrong_scenario_is_refused_with_the_path(tmp_path: Path, text: str, problem: str) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(text)
    code, out, err = await command("run", str(story))
    assert (code, out) == (2, "")
    assert problem in err
