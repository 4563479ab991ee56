"""What every route needs: the centre, and errors told as problem+json."""

from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from server.centre import Centre
from server.errors import (
    AlreadyTakenError,
    CentreError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)


def centre_of(request: Request) -> Centre:
    """The centre this application serves."""
    return cast(Centre, request.app.state.centre)


CentreDep = Annotated[Centre, Depends(centre_of)]

_STATUS: tuple[tuple[type[CentreError], int, str], ...] = (
    (AlreadyTakenError, 409, "already-taken"),
    (ConflictError, 409, "conflict"),
    (NotFoundError, 404, "not-found"),
    (NotAllowedError, 403, "not-allowed"),
    (InvalidError, 422, "invalid"),
    (CentreError, 400, "refused"),
)


def problem(status: int, kind: str, title: str, **members: object) -> JSONResponse:
    """An application/problem+json answer (RFC 9457) of type `/problems/{kind}`."""
    body = {"type": f"/problems/{kind}", "title": title, "status": status, **members}
    return JSONResponse(body, status, media_type="application/problem+json")


def status_of(error: CentreError) -> tuple[int, str]:
    """HTTP status and problem name of an error."""
    return next((status, kind) for type_, status, kind in _STATUS if isinstance(error, type_))


def tell_problems(app: FastAPI) -> None:
    """Answer our errors, and wrong requests, as problem+json."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, CentreError)
        status, kind = status_of(error)
        members: dict[str, object] = {}
        if isinstance(error, AlreadyTakenError):
            members["taken_by"] = error.taken_by
        if isinstance(error, InvalidError):
            members["field"] = error.field
        return problem(status, kind, str(error) or error.__doc__ or kind, **members)

    async def unreadable(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        mistakes = [{"field": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors()]
        return problem(422, "invalid", "the request is not as the API describes it", errors=mistakes)

    app.add_exception_handler(CentreError, refused)
    app.add_exception_handler(RequestValidationError, unreadable)
