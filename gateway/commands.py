"""Commands of the centre (dn/cmd): each carried out once within its time, each answered. Never acts on one too late."""

import asyncio
from typing import Literal
from uuid import UUID

import aiomqtt
import structlog

from devices.envelope import Command, decode_command
from devices.errors import EnvelopeError
from devices.events import CommandResult
from devices.registry import Report
from gateway.clock import Clock, wait_any
from gateway.errors import StoreFullError
from gateway.feedback import TOPIC, Confirmations
from gateway.local_bus import LocalBus
from gateway.outbox import Call, Outbox
from gateway.stamp import moment
from gateway.uplink import Uplink

log = structlog.get_logger()

_AT_ONCE = 16
_WAITING = 256
_AGAIN_S = 0.5

Result = tuple[Literal["done", "failed", "expired", "unsupported"], str]
"""What became of it, and what a person should know."""


class Commands:
    """Takes commands as they come; a slow one never holds up the next."""

    def __init__(self, clock: Clock, outbox: Outbox, confirmations: Confirmations, bus: LocalBus) -> None:
        self._clock = clock
        self._outbox = outbox
        self._confirmations = confirmations
        self._bus = bus
        self._queue: asyncio.Queue[tuple[Command, float]] = asyncio.Queue(_WAITING)
        self._under_way: set[UUID] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def commanded(self, payload: bytes) -> None:
        """A message on dn/cmd."""
        try:
            command = decode_command(payload)
        except EnvelopeError as error:
            log.warning("bad_command", error=str(error))  # without an id there is nothing to answer
            return
        try:
            self._queue.put_nowait((command, self._clock.mono()))
        except asyncio.QueueFull:
            log.error("too_many_commands", id=str(command.id))  # unanswered: the centre sends it again

    async def run(self, uplink: Uplink) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                command, received = await self._queue.get()
                if command.id in self._under_way:
                    continue
                self._under_way.add(command.id)
                await self._slots.acquire()
                tasks.create_task(self._handle(command, received, uplink))

    async def _handle(self, command: Command, received: float, uplink: Uplink) -> None:
        try:
            known = await self._begin(command)
            result = known or await self._carry_out(command, received + command.ttl_s)
            await self._answer(command, result)
            uplink.wake(urgent=False)
            log.info("command", id=str(command.id), kind=command.kind, result=result[0], again=known is not None)
        except StoreFullError as error:
            log.error("command_not_answered", id=str(command.id), error=str(error))
        finally:
            self._under_way.discard(command.id)
            self._slots.release()

    async def _begin(self, command: Command) -> Result | None:
        """Notes the command; what became of it where it was carried out before.

        One that was begun by a process that then died is carried out again: better said twice than never.
        """
        try:
            async with self._outbox.transaction() as db:
                sql = "SELECT result, detail FROM command WHERE id = ?"
                async with db.execute(sql, (command.id.bytes,)) as cursor:
                    row = await cursor.fetchone()
                if row is not None:
                    return (row[0], row[1]) if row[0] is not None else None
                await db.execute(
                    "INSERT INTO command (id, kind, received_at) VALUES (?, ?, ?)",
                    (command.id.bytes, command.kind, self._clock.now().timestamp()),
                )
        except StoreFullError as error:
            log.error("command_not_noted", id=str(command.id), error=str(error))  # a full disk must not silence it
        return None

    async def _answer(self, command: Command, result: Result) -> None:
        """Remembers the result and queues the answer, in one transaction."""
        async with self._outbox.transaction() as db:
            await db.execute("UPDATE command SET result = ?, detail = ? WHERE id = ?", (*result, command.id.bytes))
            said = CommandResult(command=str(command.id), result=result[0], detail=result[1])
            report = Report(device=self._outbox.stamp.gateway, said=said)
            await self._outbox.add(db, self._outbox.stamp.envelope(report, moment(self._clock)))

    async def _carry_out(self, command: Command, until: float) -> Result:
        if command.kind != "say":
            return "unsupported", f"kind {command.kind[:40]!r}: this gateway knows say"
        if self._clock.mono() >= until:
            return "expired", "ttl_s was over before it began"
        said = command.body.get("texts", {})
        if not isinstance(said, dict) or not all(isinstance(text, str) for text in said.values()):
            return "failed", "body.texts: must be an object of language and sentence"
        match command.body.get("confirmation"):
            case "person":
                if command.cause is None:
                    return "failed", "cause: must name the event that is confirmed"
                call = await self._outbox.call(command.cause) or Call(command.cause, "", "sos")
                message = self._confirmations.person(call, said)
            case None:
                if not said:
                    return "failed", "body.texts: nothing to say"
                message = self._confirmations.say(command.id, said)
            case _:
                return "failed", 'body.confirmation: must be "person" or left out'
        return await self._say(message, until)

    async def _say(self, message: bytes, until: float) -> Result:
        """Until the home's broker has it."""
        while (left := until - self._clock.mono()) > 0:
            await wait_any(self._clock, left, self._bus.ready)
            try:
                await self._bus.publish_surely(TOPIC, message)
            except aiomqtt.MqttError:
                await self._clock.sleep(min(left, _AGAIN_S))
            else:
                return "done", ""
        return "expired", "the home's broker could not be reached in time"
