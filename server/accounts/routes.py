"""/api/v1/session: sign in, who am I, sign out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from server.accounts import sessions
from server.accounts.access import SignedInDep, check_same_origin, end_session, keep_session
from server.accounts.errors import NotSignedInError, WrongSignInError
from server.accounts.passwords import MAX_LENGTH
from server.accounts.sessions import SignedIn
from server.web import CentreDep, problem

router = APIRouter(prefix="/api/v1", tags=["session"])


class SignInRequest(BaseModel):
    """What a person types."""

    model_config = ConfigDict(extra="forbid")
    username: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=MAX_LENGTH)]


class AccountAnswer(BaseModel):
    """The signed-in account."""

    id: UUID
    username: str
    display_name: str
    role: str
    region: str
    language: str


class SessionAnswer(BaseModel):
    """A session. Every later POST and DELETE carries `csrf_token` in the header X-CSRF-Token."""

    account: AccountAnswer
    csrf_token: str


@router.post("/session", summary="Sign in")
async def sign_in(request: Request, response: Response, body: SignInRequest, centre: CentreDep) -> SessionAnswer:
    """Sets the cookie `anhu_session`. 401 when the user name or the password is not right."""
    check_same_origin(request, centre)
    token, found = await sessions.sign_in(centre, body.username, body.password)
    keep_session(response, centre, token)
    response.headers["Cache-Control"] = "no-store"
    return _answer(found)


@router.get("/session", summary="Who is signed in")
async def who(found: SignedInDep, response: Response) -> SessionAnswer:
    """401 when nobody is."""
    response.headers["Cache-Control"] = "no-store"
    return _answer(found)


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(request: Request, response: Response, centre: CentreDep, found: SignedInDep) -> None:
    """The session's token opens nothing any more."""
    await end_session(request, response, centre, found)


def tell_sign_in_problems(app: FastAPI) -> None:
    """Answer missing and wrong sign-ins with 401, as problem+json."""

    async def not_signed_in(request: Request, error: Exception) -> JSONResponse:
        kind = "wrong-sign-in" if isinstance(error, WrongSignInError) else "not-signed-in"
        return problem(401, kind, error.__doc__ or kind)

    app.add_exception_handler(NotSignedInError, not_signed_in)


def _answer(found: SignedIn) -> SessionAnswer:
    actor = found.actor
    account = AccountAnswer(
        id=actor.account_id,
        username=actor.username,
        display_name=actor.display_name,
        role=actor.role,
        region=actor.region,
        language=actor.language,
    )
    return SessionAnswer(account=account, csrf_token=found.csrf_token)
