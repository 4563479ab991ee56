"""What a route asks for when it needs to know who is there.

Nothing that changes anything is done for a request that does not carry its session's CSRF token.
"""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from server.accounts import sessions
from server.accounts.actor import Actor
from server.accounts.errors import ForgedRequestError, NotSignedInError
from server.accounts.sessions import SignedIn
from server.centre import Centre
from server.web import CentreDep

COOKIE = "anhu_session"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def signed_in(request: Request, centre: CentreDep) -> SignedIn:
    """The live session of the request. Raises NotSignedInError, ForgedRequestError."""
    found = await maybe_signed_in(request, centre)
    if found is None:
        raise NotSignedInError
    if request.method not in SAFE_METHODS:
        await check_csrf(request, found)
    return found


async def maybe_signed_in(request: Request, centre: CentreDep) -> SignedIn | None:
    """The live session of the request, if it has one."""
    token = request.cookies.get(COOKIE)
    return await sessions.find(centre, token) if token else None


async def actor_of(found: Annotated[SignedIn, Depends(signed_in)]) -> Actor:
    """Who is there."""
    return found.actor


SignedInDep = Annotated[SignedIn, Depends(signed_in)]
MaybeSignedInDep = Annotated[SignedIn | None, Depends(maybe_signed_in)]
ActorDep = Annotated[Actor, Depends(actor_of)]


async def check_csrf(request: Request, found: SignedIn) -> None:
    """The session's own token, in the header or the form. Raises ForgedRequestError."""
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if given is None or not hmac.compare_digest(given.encode(), found.csrf_token.encode()):
        raise ForgedRequestError


def check_same_origin(request: Request, centre: Centre) -> None:
    """For posts without a session: whoever sends an Origin must be one of our own pages. Raises ForgedRequestError."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = {request.headers.get("host"), urlsplit(centre.settings.web.public_url).netloc}
    try:
        theirs = urlsplit(origin).netloc
    except ValueError:
        theirs = ""
    if theirs not in ours:
        raise ForgedRequestError


def keep_session(response: Response, centre: Centre, token: str) -> None:
    """Give the browser its token."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=centre.settings.web.session_max_s,
        httponly=True,
        samesite="lax",
        secure=is_https(centre),
    )


async def end_session(request: Request, response: Response, centre: Centre, found: SignedIn) -> None:
    """The session is over: its token opens nothing, its open boards are told, the browser forgets it."""
    await sessions.sign_out(centre, found.token_hash)
    request.app.state.doorbell.end_session(found.token_hash)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=is_https(centre))


def is_https(centre: Centre) -> bool:
    """Whether the public reaches us over TLS."""
    return centre.settings.web.public_url.startswith("https://")
