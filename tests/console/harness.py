"""A small community at night, its centre served over HTTP, and operators who look at it.

Everything is real but the clock and the telephone.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select

from server.accounts.actor import Actor
from server.accounts.model import Account
from server.app import create_app
from server.db import Database
from server.migrations.upgrade import upgrade
from server.notify.channel import AnsweredBy, CallState, CallUpdate
from server.residents.importer import Hashed, hash_secrets, import_community, parse_community
from tests.server.harness import Story
from tests.support.clock import FakeClock

PASSWORD = "correct horse"

COMMUNITY = f"""
regions:
  - {{path: "360000", name: {{zh-CN: 江西省, en: Jiangxi}}}}
  - {{path: "360000/360700", name: {{zh-CN: 赣州市, en: Ganzhou}}}}
  - {{path: "360000/360700/360702", name: {{zh-CN: 章贡区, en: Zhanggong}}}}
  - {{path: "360000/360800", name: {{zh-CN: 吉安市, en: "Ji'an"}}}}
accounts:
  - {{username: zuoxi07, display_name: 坐席 07, role: operator, region: "360000/360700/360702", language: zh-CN, password: "{PASSWORD}"}}
  - {{username: anna, display_name: Anna Berg, role: operator, region: "360000/360700/360702", language: en, password: "{PASSWORD}"}}
  - {{username: viewer, display_name: Vera, role: viewer, region: "360000/360700/360702", language: en, password: "{PASSWORD}"}}
  - {{username: jian, display_name: Elsewhere, role: operator, region: "360000/360800", language: en, password: "{PASSWORD}"}}
residents:
  - id: wang
    region: "360000/360700/360702"
    name: 王桂兰
    sex: female
    born: 1943-02-11
    address: 水东镇 红旗社区 12 栋 302
    phone: "+867970000001"
    language: gan
    hearing: poor
    categories: [living_alone]
    ability_level: 2
    health: {{conditions: [房颤], medicines: [抗凝药], allergies: [青霉素]}}
    key_safe: 单元门左侧，密码 4711
    contacts:
      - {{id: daughter, name: 王芳, relation: daughter, phones: ["+8610000002231"]}}
      - {{id: neighbour, name: 陈师傅, relation: neighbour, phones: ["+8610000000817"]}}
  - id: li
    region: "360000/360700/360702"
    name: 李德全
    born: 1947-05-02
    address: 解放路 88 号 1 栋 101
    categories: [empty_nest]
    contacts: [{{id: son, name: 李强, relation: son, phones: ["+8610000000444"]}}]
  - {{id: zhao, region: "360000/360700/360702", name: 赵素芬, born: 1938-01-20, address: 沙石镇 3 组 17 号, categories: [disabled, very_old]}}
responders:
  - {{id: grid, name: 刘明, role: grid_worker, region: "360000/360700/360702", phones: ["+8610000000003"]}}
gateways:
  - {{id: gw-1, region: "360000/360700/360702", resident: wang}}
  - {{id: gw-2, region: "360000/360700/360702", resident: li}}
  - {{id: gw-3, region: "360000/360700/360702", resident: zhao}}
devices:
  - {{gateway: gw-1, device: sos_bath, resident: wang, name: {{zh-CN: 卫生间拉绳, en: Bathroom pull cord}}, room: bathroom, class: button}}
  - {{gateway: gw-1, device: band, resident: wang, name: {{zh-CN: 手环, en: Wristband}}, class: wristband}}
  - {{gateway: gw-2, device: band, resident: li, name: {{zh-CN: 手环, en: Wristband}}, class: wristband}}
  - {{gateway: gw-3, device: meter, resident: zhao, name: {{zh-CN: 电源传感器, en: Mains sensor}}, class: mains_sensor}}
plans:
  - id: default
    region: "360000"
    kinds: [sos, fall, smoke, gas, co]
    ladders:
      - {{name: operators, stops_on: claim, steps: [{{targets: [operators], wait_s: 60, repeat: 10}}]}}
      - name: family
        stops_on: accept
        start_after_s: 15
        steps: [{{targets: ["contact:1"], wait_s: 60}}, {{targets: ["contact:2"], wait_s: 60}}]
      - name: responders
        stops_on: accept
        start_after_s: 90
        steps: [{{targets: ["responder:grid_worker"], wait_s: 60}}]
"""  # noqa: E501

NUMBERS = {"daughter": "+8610000002231", "neighbour": "+8610000000817", "grid": "+8610000000003"}


@cache
def _hashed() -> Hashed:
    """Slow on purpose, so once for all tests."""
    return hash_secrets(parse_community(COMMUNITY))


class Desk(Story):
    """A centre with console. The doorbell runs."""

    app: FastAPI

    async def settle(self, hashed: Hashed | None = None) -> None:
        await import_community(self.centre.db, parse_community(COMMUNITY), hashed or _hashed())
        async with self.centre.db.read() as session:
            for row in await session.scalars(select(Account)):
                actor = Actor(row.id, row.username, row.display_name, row.role, row.region, row.language)
                self.operators[row.username] = actor
        self.centre.health.broker_connected = lambda: True
        self.centre.health.worker_ticked_at = self.clock.now()
        self.app = create_app(self.centre)

    async def alarm_of(self, resident: str = "wang") -> str:
        """The path of the resident's open alarm."""
        return f"/alarms/{next(row.id for row in await self.board() if row.resident_id == resident)}"

    async def call_says(self, person: str, state: CallState, seq: int) -> None:
        """The provider reports on the latest call to that person."""
        rows = await self.board()
        steps = [step for row in rows for step in (await self.page(row.id)).steps]
        attempt = [a for step in steps for a in step.attempts if a.address == NUMBERS[person]][-1]
        assert attempt.provider_id
        await self.calls.call_update(CallUpdate(attempt.id, attempt.provider_id, state, AnsweredBy.UNKNOWN, seq))
        await self.settle_down()

    @asynccontextmanager
    async def client(self, username: str | None = None, **headers: str) -> AsyncIterator["Client"]:
        """A browser without scripts."""
        transport = httpx.ASGITransport(self.app)
        async with Client(transport=transport, base_url="http://127.0.0.1:8080", headers=headers) as client:
            if username:
                answer = await client.post("/signin", data={"username": username, "password": PASSWORD})
                assert answer.status_code == 303, answer.text
            yield client


class Client(httpx.AsyncClient):
    """Fills in forms as they stand on the page."""

    async def submit(self, page: str, action: str, follow: bool = True, **fields: str) -> httpx.Response:
        """Get `page`, find its form for `action`, send it with its hidden fields and `fields`."""
        html = (await self.get(page)).text
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', html, re.DOTALL)
        assert form, f"no form for {action} on {page}"
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)"(?: id="[\w-]+")? value="([^"]*)"', form[0]))
        return await self.post(action, data={**hidden, **fields}, follow_redirects=follow)


@asynccontextmanager
async def desk_at(url: str) -> AsyncIterator[Desk]:
    """A settled desk whose doorbell runs."""
    db = Database(url)
    try:
        await upgrade(db)
        desk = Desk(db, FakeClock())
        await desk.settle()
        bell = asyncio.create_task(desk.app.state.doorbell.run())
        try:
            yield desk
        finally:
            desk.app.state.doorbell.close()
            bell.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await bell
    finally:
        await db.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """The desk on a real port, which can be taken away and come back."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        config = uvicorn.Config(
            self.desk.app, "127.0.0.1", self.port, log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """As a process that dies: every connection breaks, the port is free."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await self._task
        self._server = self._task = None
