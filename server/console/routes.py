"""The board and the alarm page, as HTML. Each POST is one transaction; the loser of a race reads who was first."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from server.accounts.access import SignedInDep, is_https
from server.accounts.sessions import SignedIn
from server.alarms import queries, service
from server.alarms.outcomes import NEEDS_NOTE, OUTCOMES
from server.centre import Centre
from server.console import session_routes
from server.console.assets import HERE as STATIC_FOLDER
from server.console.assets import KeptFiles, build_id
from server.console.cards import Board, board_of
from server.console.live import Doorbell
from server.console.pages import Visit, page
from server.console.refusals import ConsoleRoute, words_for
from server.console.screen import alarm_screen
from server.console.security import SecurityHeaders
from server.errors import CentreError, InvalidError, NotFoundError
from server.residents.model import Region
from server.web import CentreDep, status_of

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)


def mount(app: FastAPI) -> None:
    """Adds the console and its doorbell (`app.state.doorbell`, to be run by the process). Raises StartError."""
    centre: Centre = app.state.centre
    app.state.doorbell = Doorbell(centre)
    app.state.console_static = f"/static/{build_id()}"
    app.mount(app.state.console_static, KeptFiles(directory=STATIC_FOLDER))
    app.include_router(session_routes.router)
    app.include_router(router)
    app.add_middleware(SecurityHeaders, https=is_https(centre))


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed into a form that was refused."""

    notice: str = ""
    outcome: str = ""
    note: str = ""
    text: str = ""


@router.get("/")
async def root() -> Response:
    """The board is the first page."""
    return RedirectResponse("/board", 303)


@router.get("/board")
async def board(request: Request, centre: CentreDep, found: SignedInDep) -> Response:
    """Calm until something is wrong."""
    return await _board(request, centre, found, "board.html")


@router.get("/board/list")
async def board_list(request: Request, centre: CentreDep, found: SignedInDep, selected: UUID | None = None) -> Response:
    """The queue alone, fetched when the doorbell rings."""
    return await _board(request, centre, found, "fragments/queue.html", selected)


@router.get("/board/status")
async def board_status(request: Request, centre: CentreDep, found: SignedInDep) -> Response:
    """Whether the chain is whole; fetched with each heartbeat."""
    return page(Visit.of(request, centre, found), "fragments/chain.html", fragment=True)


@router.get("/alarms/{alarm_id}")
async def alarm(alarm_id: UUID, request: Request, centre: CentreDep, found: SignedInDep) -> Response:
    """Everything of one alarm."""
    return await _alarm(request, centre, found, alarm_id, "alarm.html")


@router.get("/alarms/{alarm_id}/live")
async def alarm_live(alarm_id: UUID, request: Request, centre: CentreDep, found: SignedInDep) -> Response:
    """What changes of it, fetched when the doorbell rings. What is being typed stays where it is."""
    return await _alarm(request, centre, found, alarm_id, "fragments/alarm_live.html")


@router.get("/alarms/{alarm_id}/{act}")
async def act_page(alarm_id: UUID, act: str) -> Response:
    """A reloaded answer to a form leads back to the alarm."""
    if act not in ("claim", "notes", "duty", "close"):
        raise NotFoundError
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/claim")
async def claim(
    alarm_id: UUID, request: Request, centre: CentreDep, found: SignedInDep, version: Annotated[str, Form()] = ""
) -> Response:
    """接警."""
    try:
        async with centre.db.write() as session:
            await service.claim(session, found.actor, alarm_id, _number(version), centre.clock.now())
    except CentreError as error:
        return await _refused(request, centre, found, alarm_id, error, Draft())
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/notes")
async def note(
    alarm_id: UUID, request: Request, centre: CentreDep, found: SignedInDep, text: Annotated[str, Form()] = ""
) -> Response:
    """A note for the timeline."""
    try:
        async with centre.db.write() as session:
            await service.add_note(session, found.actor, alarm_id, text, centre.clock.now())
    except CentreError as error:
        return await _refused(request, centre, found, alarm_id, error, Draft(text=text))
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/duty")
async def duty(
    alarm_id: UUID,
    request: Request,
    centre: CentreDep,
    found: SignedInDep,
    version: Annotated[str, Form()] = "",
    duty: Annotated[str, Form()] = "",
) -> Response:
    """How far the helper has come, as told on the telephone."""
    try:
        async with centre.db.write() as session:
            seen = _number(version) or 0
            await service.set_duty(session, found.actor, alarm_id, seen, duty, centre.clock.now())
    except CentreError as error:
        return await _refused(request, centre, found, alarm_id, error, Draft())
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/close")
async def close(
    alarm_id: UUID,
    request: Request,
    centre: CentreDep,
    found: SignedInDep,
    version: Annotated[str, Form()] = "",
    outcome: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """结案."""
    try:
        async with centre.db.write() as session:
            seen = _number(version) or 0
            await service.close(session, found.actor, alarm_id, seen, outcome, note, centre.clock.now())
    except CentreError as error:
        return await _refused(request, centre, found, alarm_id, error, Draft(outcome=outcome, note=note))
    return RedirectResponse("/board", 303)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def _refused(
    request: Request, centre: Centre, found: SignedIn, alarm_id: UUID, error: CentreError, draft: Draft
) -> Response:
    """The alarm as it is now, with the refusal on top and what was typed still there."""
    if not isinstance(error, InvalidError) and status_of(error)[0] != 409:
        raise error
    wording = Visit.of(request, centre, found).wording
    draft = Draft(words_for(wording, error), draft.outcome, draft.note, draft.text)
    response = await _alarm(request, centre, found, alarm_id, "alarm.html", status_of(error)[0], draft)
    response.headers["HX-Push-Url"] = f"/alarms/{alarm_id}"
    return response


async def _board(
    request: Request, centre: Centre, found: SignedIn, template: str, selected: UUID | None = None
) -> Response:
    service.check_may_look(found.actor)
    visit = Visit.of(request, centre, found)
    async with centre.db.read() as session:
        board = await _cards(session, visit, found)
        region_name = await _region_name(session, visit, found)
    return page(visit, template, board=board, region_name=region_name, selected=selected, fragment="/" in template)


async def _alarm(
    request: Request,
    centre: Centre,
    found: SignedIn,
    alarm_id: UUID,
    template: str,
    status: int = 200,
    draft: Draft | None = None,
) -> Response:
    service.check_may_look(found.actor)
    visit = Visit.of(request, centre, found)
    async with centre.db.read() as session:
        shown = await queries.alarm_page(session, found.actor.region, alarm_id, visit.now)
        board = await _cards(session, visit, found)
        region_name = await _region_name(session, visit, found)
    return page(
        visit,
        template,
        status,
        screen=alarm_screen(visit.wording, shown, found.actor, visit.now),
        board=board,
        region_name=region_name,
        selected=alarm_id,
        outcomes=OUTCOMES,
        needs_note=NEEDS_NOTE,
        draft=draft or Draft(),
        fragment="/" in template,
    )


async def _cards(session: AsyncSession, visit: Visit, found: SignedIn) -> Board:
    return board_of(visit.wording, await queries.board(session, found.actor.region, visit.now), visit.now)


async def _region_name(session: AsyncSession, visit: Visit, found: SignedIn) -> str:
    region = await session.get(Region, found.actor.region)
    return visit.wording.name(region.name) if region else ""
