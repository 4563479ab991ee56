"""Tells an alarm as a story, in virtual time: press, forward, expect a call, press a key.

Everything is the real thing on a real database but the clock and the telephone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from devices.envelope import Ack, Clock, Command, Envelope, Raw, decode_ack, decode_command, encode, up_topic
from devices.events import Mode, Phase, Sos, body_of, kind_of, priority_of
from server.accounts.actor import Actor
from server.accounts.model import Account
from server.alarms import queries, service
from server.alarms.views import AlarmPage, AttemptView, BoardRow
from server.centre import Centre
from server.config import Settings, VoiceSettings
from server.db import Database
from server.escalation.calls import EscalationCalls
from server.escalation.worker import Worker
from server.ingest import commands
from server.ingest.ingest import Ingest
from server.migrations.upgrade import upgrade
from server.notify.channel import (
    AnsweredBy,
    CallState,
    CallUpdate,
    GiveUp,
    HungUp,
    KeyResult,
    OutgoingCall,
    Placed,
    ProviderCall,
    ProviderUnavailableError,
    Retry,
    Unsure,
    Why,
)
from server.residents.importer import Hashed, import_community, parse_community
from server.rules.engine import load_rules
from server.wakeup import Wakeup
from tests.support.clock import FakeClock

COMMUNITY = """
regions:
  - {path: "360000", name: {zh-CN: 江西省, en: Jiangxi}}
  - {path: "360000/360700", name: {zh-CN: 赣州市, en: Ganzhou}}
  - {path: "360000/360800", name: {zh-CN: 吉安市, en: "Ji'an"}}
residents:
  - id: wang
    region: "360000/360700"
    name: 王桂兰
    born: 1943-02-11
    address: 红旗社区 12 栋 302
    categories: [living_alone]
    contacts:
      - {id: daughter, name: 王芳, relation: daughter, phones: ["+8610000000001"]}
      - {id: neighbour, name: 陈师傅, relation: neighbour, phones: ["+8610000000002"]}
  - {id: li, region: "360000/360800", name: 李德全, address: 某村 3 号}
responders:
  - {id: grid, name: 刘网格, role: grid_worker, region: "360000/360700", phones: ["+8610000000003"]}
  - {id: far, name: 远方, role: grid_worker, region: "360000/360800", phones: ["+8610000000004"]}
gateways:
  - {id: gw-1, region: "360000/360700", resident: wang}
  - {id: gw-2, region: "360000/360800", resident: li}
devices:
  - {gateway: gw-1, device: sos_bath, resident: wang, name: {zh-CN: 卫生间拉绳, en: Pull cord}, class: button}
plans:
  - id: default
    region: "360000"
    kinds: [sos, fall, smoke, gas, co]
    ladders:
      - {name: operators, stops_on: claim, steps: [{targets: [operators], wait_s: 60, repeat: 2}]}
      - name: family
        stops_on: accept
        start_after_s: 15
        steps:
          - {targets: ["contact:1"], wait_s: 60}
          - {targets: ["contact:2"], wait_s: 60}
      - name: responders
        stops_on: accept
        start_after_s: 180
        steps: [{targets: ["responder:grid_worker"], wait_s: 60}]
"""

NUMBERS = {
    "daughter": "+8610000000001",
    "neighbour": "+8610000000002",
    "grid": "+8610000000003",
}


class Broker:
    """A transport that keeps what is published."""

    def __init__(self) -> None:
        self.acks: list[Ack] = []
        self.commands: list[Command] = []

    connected = True

    def publish(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/ack"):
            self.acks.append(decode_ack(payload))
        else:
            self.commands.append(decode_command(payload))

    async def run(self, receive: object) -> None:
        raise AssertionError("stories give their messages by hand")

    def acked(self, event_id: UUID) -> bool:
        return any(event_id in ack.ids for ack in self.acks)


@dataclass
class Phone:
    """A telephone provider in virtual time. `next_outcomes` replaces what the next calls would get."""

    clock: FakeClock
    calls: list[OutgoingCall] = field(default_factory=list)
    placed: dict[str, ProviderCall] = field(default_factory=dict)
    hung_up: list[str] = field(default_factory=list)
    next_outcomes: list[Retry | Unsure | GiveUp] = field(default_factory=list)
    rings_although_unsure: bool = False
    unavailable: bool = False

    async def place(self, call: OutgoingCall) -> Placed | Retry | Unsure | GiveUp:
        outcome = self.next_outcomes.pop(0) if self.next_outcomes else None
        if outcome is not None and not (isinstance(outcome, Unsure) and self.rings_although_unsure):
            return outcome
        sid = f"CA{len(self.placed):032x}"
        self.calls.append(call)
        self.placed[sid] = ProviderCall(sid, CallState.PLACED, AnsweredBy.UNKNOWN, self.clock.now(), call.to)
        return outcome or Placed(sid)

    async def find(self, to: str, since: datetime) -> list[ProviderCall]:
        self._check()
        slack = since - timedelta(seconds=5)
        return [c for c in self.placed.values() if c.to == to and c.created_at and c.created_at >= slack]

    async def fetch(self, provider_id: str) -> ProviderCall | None:
        self._check()
        return self.placed.get(provider_id)

    async def hang_up(self, provider_id: str) -> HungUp | Retry:
        self.hung_up.append(provider_id)
        self.move(provider_id, CallState.COMPLETED)
        return HungUp()

    async def check(self) -> None:
        self._check()

    async def aclose(self) -> None:
        """Nothing is open."""

    def move(self, provider_id: str, state: CallState) -> None:
        call = self.placed[provider_id]
        self.placed[provider_id] = ProviderCall(provider_id, state, call.answered_by, call.created_at, call.to)

    def _check(self) -> None:
        if self.unavailable:
            raise ProviderUnavailableError(Why.UNREACHABLE, 2.0)


class Story:
    """One centre and those who live and work around it."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        voice = VoiceSettings(account_sid="AC0", auth_token="x", from_number="+8610000009999")
        self.clock, self.phone, self.broker = clock, Phone(clock), Broker()
        wakeup = Wakeup()
        db.on_change = wakeup.ring
        self.centre = Centre(Settings(voice=voice), db, clock, wakeup, load_rules(None), self.phone)
        self.centre.health.broker_connected = lambda: True
        self.ingest = Ingest(self.centre, self.broker, "epoch-1")
        self.calls = EscalationCalls(self.centre)
        self.worker = Worker(self.centre)
        self.seq = 0
        self.operators: dict[str, Actor] = {}

    async def settle(self, hashed: Hashed | None = None) -> None:
        """The community moves in, with two operators and a viewer."""
        await import_community(self.centre.db, parse_community(COMMUNITY), hashed or Hashed())
        async with self.centre.db.write() as session:
            for name, role, region in (
                ("anna", "operator", "360000"),
                ("ben", "operator", "360000/360700"),
                ("jian", "operator", "360000/360800"),
                ("viewer", "viewer", "360000"),
            ):
                account = Account(
                    id=uuid7(),
                    username=name,
                    display_name=name.title(),
                    role=role,
                    region=region,
                    language="en",
                    password_hash="",
                )
                session.add(account)
                self.operators[name] = Actor(account.id, name, name.title(), role, region, "en")

    def envelope(
        self,
        said: object = None,
        *,
        gateway: str = "gw-1",
        device: str = "sos_bath",
        mode: Mode = Mode.ACTUAL,
        event_id: UUID | None = None,
        ago_s: float = 0,
    ) -> Envelope:
        said = said or Sos()
        self.seq += 1
        mono = int((self.clock.now().timestamp() - 1_700_000_000 - ago_s) * 1000)
        return Envelope(
            v=1,
            id=event_id or uuid7(),
            gateway=gateway,
            stream="s",
            seq=self.seq,
            boot="b",
            mono_ms=mono,
            wall=self.clock.now() - timedelta(seconds=ago_s),
            clock=Clock.SYNCED,
            device=device,
            kind=kind_of(said),  # type: ignore[arg-type]
            phase=Phase(said.phase),  # type: ignore[attr-defined]
            mode=mode,
            body=body_of(said),  # type: ignore[arg-type]
            raw=Raw(topic="zigbee2mqtt/sos_bath", data='{"action":"emergency"}'),
        )

    async def send(self, *envelopes: Envelope) -> None:
        """By the gateway's topics, then committed."""
        for envelope in envelopes:
            self.ingest.receive(up_topic(envelope.gateway, priority_of(envelope.kind)), encode(envelope))
        await self.commit()

    async def send_bytes(self, topic: str, payload: bytes) -> None:
        self.ingest.receive(topic, payload)
        await self.commit()

    async def commit(self) -> None:
        """One group, as `Ingest.run` does it."""
        while group := self.ingest._take():
            await self.ingest.take_in(group)

    async def press(self, **kwargs: object) -> Envelope:
        envelope = self.envelope(**kwargs)  # type: ignore[arg-type]
        await self.send(envelope)
        await self.settle_down()
        return envelope

    async def settle_down(self) -> None:
        """Everything that is due now has been done."""
        for _ in range(20):
            if not await self.worker.tick():
                break
        await commands.send_due(self.centre, self.broker, self.clock.now())

    async def forward(self, seconds: float) -> None:
        """Time passes, and the worker looks each second."""
        whole = int(seconds)
        for _ in range(whole):
            self.clock.advance(1)
            await self.worker.tick()
        self.clock.advance(seconds - whole)
        await self.settle_down()

    async def board(self, who: str = "anna", state: str = "open") -> list[BoardRow]:
        async with self.centre.db.read() as session:
            return await queries.board(session, self.operators[who].region, self.clock.now(), state)

    async def page(self, alarm_id: UUID | None = None, who: str = "anna") -> AlarmPage:
        alarm_id = alarm_id or (await self.board(who, "all"))[0].id
        async with self.centre.db.read() as session:
            return await queries.alarm_page(session, self.operators[who].region, alarm_id, self.clock.now())

    async def attempts(self) -> list[AttemptView]:
        return sorted((a for s in (await self.page()).steps for a in s.attempts), key=lambda a: a.created_at)

    async def timeline(self) -> list[str]:
        return [entry.kind for entry in (await self.page()).timeline]

    async def claim(self, who: str, alarm_id: UUID) -> None:
        async with self.centre.db.write() as session:
            await service.claim(session, self.operators[who], alarm_id, None, self.clock.now())
        await self.settle_down()

    async def close(self, who: str, row: BoardRow, outcome: str = "assistance", note: str = "") -> None:
        async with self.centre.db.write() as session:
            actor, now = self.operators[who], self.clock.now()
            await service.close(session, actor, row.id, row.version, outcome, note, now)
        await self.settle_down()

    # --- the telephone ---
    async def call_of(self, person: str) -> AttemptView:
        """The latest attempt to reach that person; fails when nobody was called."""
        found = [a for a in await self.attempts() if a.address == NUMBERS[person]]
        assert found, f"{person} was not called; attempts: {[a.person for a in await self.attempts()]}"
        return found[-1]

    async def provider_says(
        self, person: str, state: CallState, seq: int | None = None, by: AnsweredBy = AnsweredBy.UNKNOWN
    ) -> None:
        attempt = await self.call_of(person)
        sid = attempt.provider_id or next(c.provider_id for c in self.phone.placed.values() if c.to == attempt.address)
        self.phone.move(sid, state)
        await self.calls.call_update(CallUpdate(attempt.id, sid, state, by, seq))
        await self.settle_down()

    async def press_key(self, person: str, digit: str) -> KeyResult:
        attempt = await self.call_of(person)
        assert attempt.provider_id
        await self.calls.call_update(
            CallUpdate(attempt.id, attempt.provider_id, CallState.ANSWERED, AnsweredBy.HUMAN, None)
        )
        result = await self.calls.key_pressed(attempt.id, attempt.provider_id, digit)
        await self.settle_down()
        return result

    async def count(self, table: type) -> int:
        async with self.centre.db.read() as session:
            return int(await session.scalar(select(func.count()).select_from(table)) or 0)


@asynccontextmanager
async def story(url: str) -> AsyncIterator[Story]:
    """A settled story on a migrated database."""
    db = Database(url)
    try:
        await upgrade(db)
        told = Story(db, FakeClock())
        await told.settle()
        yield told
    finally:
        await db.close()
