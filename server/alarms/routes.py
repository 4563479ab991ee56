"""/api/v1/alarms: what the console can do with an alarm, as JSON."""

from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from server.accounts.access import ActorDep
from server.accounts.actor import Actor
from server.alarms import queries, service
from server.alarms.outcomes import OUTCOMES
from server.alarms.schema import AlarmAnswer, AlarmListAnswer
from server.alarms.views import AlarmPage, BoardRow
from server.centre import Centre
from server.web import CentreDep

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClaimRequest(_Body):
    """`version` as last seen; a claim is decided by the database, not by it."""

    version: int | None = None


class NoteRequest(_Body):
    """A note for the timeline."""

    text: Annotated[str, Field(min_length=1, max_length=service.MAX_NOTE)]


class DutyRequest(_Body):
    """How far the helper who accepted has come."""

    version: int
    duty: Literal["on_the_way", "on_site", "inside"]


class CloseRequest(_Body):
    """The outcome with which the alarm is closed. `version` as last seen: nobody closes what he has not seen."""

    version: int
    outcome: Annotated[str, Field(description=" | ".join(OUTCOMES), examples=["genuine:fall"])]
    note: str = ""


@router.get("", summary="Alarms of your region")
async def alarms(
    actor: ActorDep,
    centre: CentreDep,
    state: Annotated[Literal["open", "closed", "all"], Query(description="open: all that is not closed")] = "open",
) -> AlarmListAnswer:
    """Open ones by priority, then age; closed ones the latest first. At most 500."""
    service.check_may_look(actor)
    async with centre.db.read() as session:
        rows = await queries.board(session, actor.region, centre.clock.now(), state)
    return AlarmListAnswer.model_validate({"alarms": [_listed(row) for row in rows]})


@router.get("/{alarm_id}", summary="One alarm with signals, steps, attempts and timeline")
async def alarm(alarm_id: UUID, actor: ActorDep, centre: CentreDep) -> AlarmAnswer:
    """404 outside your region."""
    return await _answer(centre, actor, alarm_id)


@router.post("/{alarm_id}/claim", summary="Take the alarm")
async def claim(alarm_id: UUID, body: ClaimRequest, actor: ActorDep, centre: CentreDep) -> AlarmAnswer:
    """409 `already-taken` with `taken_by` when another operator was first."""
    async with centre.db.write() as session:
        await service.claim(session, actor, alarm_id, body.version, centre.clock.now())
    return await _answer(centre, actor, alarm_id)


@router.post("/{alarm_id}/notes", summary="Add a note")
async def note(alarm_id: UUID, body: NoteRequest, actor: ActorDep, centre: CentreDep) -> AlarmAnswer:
    """Also after closing."""
    async with centre.db.write() as session:
        await service.add_note(session, actor, alarm_id, body.text, centre.clock.now())
    return await _answer(centre, actor, alarm_id)


@router.post("/{alarm_id}/duty", summary="Record how far the helper has come")
async def duty(alarm_id: UUID, body: DutyRequest, actor: ActorDep, centre: CentreDep) -> AlarmAnswer:
    """409 when nobody has accepted, or something came in since `version`."""
    async with centre.db.write() as session:
        await service.set_duty(session, actor, alarm_id, body.version, body.duty, centre.clock.now())
    return await _answer(centre, actor, alarm_id)


@router.post("/{alarm_id}/close", summary="Close with an outcome")
async def close(alarm_id: UUID, body: CloseRequest, actor: ActorDep, centre: CentreDep) -> AlarmAnswer:
    """409 when something came in since `version`; 422 without an outcome or where a note is needed."""
    async with centre.db.write() as session:
        await service.close(session, actor, alarm_id, body.version, body.outcome, body.note, centre.clock.now())
    return await _answer(centre, actor, alarm_id)


async def _answer(centre: Centre, actor: Actor, alarm_id: UUID) -> AlarmAnswer:
    service.check_may_look(actor)
    async with centre.db.read() as session:
        page = await queries.alarm_page(session, actor.region, alarm_id, centre.clock.now())
    return AlarmAnswer.model_validate(_whole(page))


def _listed(row: BoardRow) -> dict[str, Any]:
    values = asdict(row)
    values["resident"] = {"id": row.resident_id, "name": row.resident_name} if row.resident_id else None
    return values


def _whole(page: AlarmPage) -> dict[str, Any]:
    attempts = sorted((a for step in page.steps for a in step.attempts), key=lambda a: a.id)
    return {
        **_listed(page.row),
        "signals": [asdict(signal) for signal in page.signals],
        "steps": [{k: v for k, v in asdict(step).items() if k != "attempts"} for step in page.steps],
        "attempts": [asdict(attempt) for attempt in attempts],
        "timeline": [asdict(entry) for entry in page.timeline],
        "outcome_note": page.outcome_note,
    }
