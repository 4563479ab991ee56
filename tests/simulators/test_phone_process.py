"""The telephone network as a process of its own: says when it is ready, stops when asked, and names what is wrong."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

from tests.notify.serving import listener


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "simulators.phone", *options, stderr=PIPE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("people: [{number: '+8613900000001'}]")
    process = await start("--port", "0", "--people", str(people))
    assert process.stderr is not None
    ready = json.loads(await process.stderr.readline())
    assert ready["event"] == "ready"
    async with httpx.AsyncClient(base_url=ready["web"]) as http:
        assert [person["number"] for person in (await http.get("/people")).json()] == ["+8613900000001"]
    process.send_signal(number)
    _, rest = await process.communicate()
    assert (process.returncode, rest) == (0, b"")


async def test_a_wrong_list_of_people_is_named(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("people: [{number: nobody}]")
    process = await start("--people", str(people))
    _, told = await process.communicate()
    assert process.returncode == 2
    assert b"people.0.number" in told


async def test_a_port_that_is_taken_is_named() -> None:
    taken = listener()
    taken.listen()
    port = taken.getsockname()[1]
    process = await start("--port", str(port))
    _, told = await process.communicate()
    taken.close()
    assert process.returncode == 3
    assert f":{port}: Address already in use".encode() in told
