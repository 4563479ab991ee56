"""What a person sees when a page refuses: words in the page's language, never a stack, never JSON."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.routing import APIRoute

from server.accounts.access import maybe_signed_in
from server.accounts.errors import ForgedRequestError, NotSignedInError
from server.console.pages import Visit, page
from server.console.wording import Wording
from server.console.words import N_
from server.errors import (
    AlarmClosedError,
    AlreadyTakenError,
    CentreError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    NoViewError,
)
from server.web import centre_of, status_of

_WORDS: tuple[tuple[type[CentreError], str], ...] = (
    (ForgedRequestError, N_("This page was too old. Reload it and try again.")),
    (AlarmClosedError, N_("This alarm is already closed.")),
    (ConflictError, N_("Something new has come in since you looked. It is shown now; please look and try again.")),
    (NotFoundError, N_("There is no such alarm in your region.")),
    (NoViewError, N_("Your account has no view of the alarms. Ask your supervisor for another role.")),
    (NotAllowedError, N_("Your account may look, but not act on alarms.")),
    (CentreError, N_("This was refused.")),
)

_FIELDS = {
    "outcome": N_("Choose an outcome."),
    "note": N_("This outcome needs a note that says what it was."),
    "text": N_("Write something first; at most 4000 characters."),
    "duty": N_("Choose how far the helper has come."),
}


def words_for(wording: Wording, error: CentreError) -> str:
    """The refusal, said to a person."""
    if isinstance(error, AlreadyTakenError):
        return wording.say(N_("Already taken by %(name)s.")) % {"name": error.taken_by}
    if isinstance(error, InvalidError) and error.field in _FIELDS:
        return wording.say(_FIELDS[error.field])
    return wording.say(next(text for type_, text in _WORDS if isinstance(error, type_)))


class ConsoleRoute(APIRoute):
    """Routes of pages: their refusals are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, with its refusals caught."""
        answer = super().get_route_handler()

        async def answer_or_page(request: Request) -> Response:
            try:
                return await answer(request)
            except NotSignedInError:
                return _to_sign_in(request)
            except CentreError as error:
                centre = centre_of(request)
                visit = Visit.of(request, centre, await maybe_signed_in(request, centre))
                return page(visit, "refused.html", status_of(error)[0], message=words_for(visit.wording, error))

        return answer_or_page


def _to_sign_in(request: Request) -> Response:
    came_from = request.url.path if request.method == "GET" else "/board"
    target = f"/signin?next={quote(came_from)}"
    if "hx-boosted" in request.headers:
        return PlainTextResponse("", headers={"HX-Redirect": target})
    if "hx-request" in request.headers:  # a fragment: the page itself says loudly that it shows nothing any more
        return PlainTextResponse("", 401)
    return RedirectResponse(target, 303)
