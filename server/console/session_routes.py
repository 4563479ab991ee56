"""Signing in and out, language and theme."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from server.accounts import sessions
from server.accounts.access import (
    MaybeSignedInDep,
    SignedInDep,
    check_csrf,
    check_same_origin,
    end_session,
    is_https,
    keep_session,
)
from server.accounts.errors import WrongSignInError
from server.accounts.sessions import SignedIn
from server.centre import Centre
from server.console.messages import LANGUAGES
from server.console.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Visit, page
from server.console.refusals import ConsoleRoute
from server.web import CentreDep

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

A_YEAR_S = 365 * 24 * 3600


@router.get("/signin")
async def sign_in_page(request: Request, centre: CentreDep, found: MaybeSignedInDep, next: str = "/board") -> Response:
    """The form; whoever is signed in goes on."""
    if found:
        return RedirectResponse(own_path(next), 303)
    return page(Visit.of(request, centre, None), "signin.html", next=own_path(next), wrong=False, username="")


@router.post("/signin")
async def sign_in(
    request: Request,
    centre: CentreDep,
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/board",
) -> Response:
    """Wrong: the same page says so, and not which half was wrong."""
    check_same_origin(request, centre)
    try:
        token, _ = await sessions.sign_in(centre, username.strip(), password)
    except WrongSignInError:
        visit = Visit.of(request, centre, None)
        return page(visit, "signin.html", 401, next=own_path(next), wrong=True, username=username[:64])
    response = RedirectResponse(own_path(next), 303)
    keep_session(response, centre, token)
    return response


@router.post("/signout")
async def sign_out(request: Request, centre: CentreDep, found: SignedInDep) -> Response:
    """The session's streams end with it."""
    response = RedirectResponse("/signin", 303)
    await end_session(request, response, centre, found)
    return response


@router.post("/language")
async def language(
    request: Request,
    centre: CentreDep,
    found: MaybeSignedInDep,
    language: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/board",
) -> Response:
    """Kept in the browser, and with the account of whoever is signed in."""
    await _check_ours(request, centre, found)
    response = RedirectResponse(own_path(next), 303)
    if language in LANGUAGES:
        if found:
            await sessions.set_language(centre, found.actor, language)
        _keep(response, centre, LANGUAGE_COOKIE, language)
    return response


@router.post("/theme")
async def theme(
    request: Request,
    centre: CentreDep,
    found: MaybeSignedInDep,
    theme: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/board",
) -> Response:
    """Kept in the browser."""
    await _check_ours(request, centre, found)
    response = RedirectResponse(own_path(next), 303)
    if theme in THEMES:
        _keep(response, centre, THEME_COOKIE, theme)
    return response


def own_path(target: str) -> str:
    """The target if it is a path of ours: a sign-in page must not send people to another site."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/board"
    ours = target.startswith("/") and not parts.scheme and not parts.netloc and "\\" not in target
    return target if ours and not target.startswith("//") else "/board"


async def _check_ours(request: Request, centre: Centre, found: SignedIn | None) -> None:
    if found:
        await check_csrf(request, found)
    else:
        check_same_origin(request, centre)


def _keep(response: Response, centre: Centre, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR_S, httponly=True, samesite="lax", secure=is_https(centre))
