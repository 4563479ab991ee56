"""The provider's HTTP API as far as our centre uses it: paths, fields, dates and errors as the real one gives them."""

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from simulators.phone.call import Act, Action, Call
from simulators.phone.network import Network, Placement, Trouble

E164 = re.compile(r"^\+[1-9]\d{6,14}$")
ADDRESS = re.compile(r"^https?://[^\s/]+")


class ProviderError(Exception):
    """What the provider answers instead; `code` is from its list of errors."""

    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def response(self) -> JSONResponse:
        """In the provider's own form."""
        body = {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return JSONResponse(body, self.status, headers=self.headers)


def network_of(request: Request) -> Network:
    """The network this application serves."""
    return cast(Network, request.app.state.network)


NetworkDep = Annotated[Network, Depends(network_of)]


def _account(account: str, request: Request, network: NetworkDep) -> None:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(text, validate=True) if kind.lower() == "basic" else b""
    except binascii.Error:
        given = b""
    if not hmac.compare_digest(given, f"{network.account.sid}:{network.account.token}".encode()):
        raise ProviderError(401, 20003, "Authenticate")
    if account != network.account.sid:
        raise ProviderError(404, 20404, f"The requested resource {request.url.path} was not found")


async def _form(request: Request) -> FormData:
    """The form, read before anything else so that a hold sees the caller go."""
    return await request.form()


FormDep = Annotated[FormData, Depends(_form)]
router = APIRouter(prefix="/2010-04-01/Accounts/{account}", dependencies=[Depends(_account)])
accounts = APIRouter(prefix="/2010-04-01/Accounts", dependencies=[Depends(_account)])


@accounts.get("/{account}.json")
async def account(network: NetworkDep) -> dict[str, str]:
    """The account."""
    return {"sid": network.account.sid, "friendly_name": "Simulated", "status": "active", "type": "Full"}


@router.post("/Calls.json", status_code=201)
async def place(request: Request, form: FormDep, network: NetworkDep) -> JSONResponse:
    """Place a call, unless trouble was asked for."""
    wanted = _placement(form, network)
    trouble = network.troubles.popleft() if network.troubles else Trouble(placed=True)
    call = network.place(wanted) if trouble.placed else None
    if trouble.hold_s:
        await _hold(request, network, trouble.hold_s)
    if trouble.status is not None or call is None:
        status = trouble.status or 500
        code = 20429 if status == 429 else 20000 + status
        wait = {} if trouble.retry_after_s is None else {"Retry-After": str(trouble.retry_after_s)}
        raise ProviderError(status, code, "Too Many Requests" if status == 429 else "Simulated trouble", wait)
    return JSONResponse(resource(call, network), 201)


@router.get("/Calls.json")
async def calls(request: Request, network: NetworkDep) -> dict[str, Any]:
    """Calls, newest first, by To, From, Status and StartTime (before `<`, after `>`, each inclusive)."""
    wanted = request.query_params
    found = [call for call in reversed(network.calls.values()) if _matches(call, wanted)]
    size = min(max(_whole(wanted.get("PageSize"), 50), 1), 1000)
    page = _whole(wanted.get("Page"), 0)
    part = found[page * size : (page + 1) * size]
    more = len(found) > (page + 1) * size
    return {
        "calls": [resource(call, network) for call in part],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(part) - 1, 0),
        "uri": f"{request.url.path}?{request.url.query}",
        "first_page_uri": _page_uri(request, size, 0),
        "next_page_uri": _page_uri(request, size, page + 1) if more else None,
        "previous_page_uri": _page_uri(request, size, page - 1) if page else None,
    }


@router.get("/Calls/{sid}.json")
async def call(sid: str, network: NetworkDep) -> dict[str, Any]:
    """One call."""
    return resource(_call(sid, network), network)


@router.post("/Calls/{sid}.json")
async def update(sid: str, form: FormDep, network: NetworkDep) -> dict[str, Any]:
    """Hang up: Status=completed ends any live call, Status=canceled only one that is not answered."""
    called = _call(sid, network)
    status = form.get("Status")
    if status not in ("completed", "canceled"):
        raise ProviderError(400, 20001, "Status must be completed or canceled")
    if not called.is_live or (status == "canceled" and called.status == "in-progress"):
        raise ProviderError(400, 21220, "Call is not in-progress. Cannot redirect.")
    network.act(called, Action(Act.CUT))
    return resource(called, network)


@router.post("/Messages.json", status_code=201)
async def message(form: FormDep, network: NetworkDep) -> dict[str, str]:
    """Store an SMS."""
    to, from_ = _numbers(form, network)
    body = form.get("Body")
    if not isinstance(body, str) or not body:
        raise ProviderError(400, 21602, "Message body is required.")
    stored = network.store(to, from_, body)
    sent = format_datetime(stored.sent_at)
    return {"sid": stored.sid, "to": to, "from": from_, "body": body, "status": "queued", "date_created": sent}


def resource(call: Call, network: Network) -> dict[str, Any]:
    """A call as the API shows it: it has no start time before it is dialled, and never tells its callback addresses."""
    path = f"/2010-04-01/Accounts/{network.account.sid}/Calls/{call.sid}"
    duration = int((call.ended_at - call.answered_at).total_seconds()) if call.ended_at and call.answered_at else None
    return {
        "sid": call.sid,
        "account_sid": network.account.sid,
        "to": call.to,
        "from": call.from_,
        "status": call.status,
        "answered_by": call.answered_by,
        "direction": "outbound-api",
        "api_version": "2010-04-01",
        "date_created": _date(call.placed_at),
        "date_updated": _date(call.ended_at or call.answered_at or call.ringing_at or call.placed_at),
        "start_time": _date(call.ringing_at),
        "end_time": _date(call.ended_at),
        "duration": None if duration is None else str(duration),
        "uri": f"{path}.json",
        "subresource_uris": {},
    }


def _placement(form: FormData, network: Network) -> Placement:
    to, from_ = _numbers(form, network)
    url, fallback, status = (_address(form, name) for name in ("Url", "FallbackUrl", "StatusCallback"))
    if url is None:
        raise ProviderError(400, 21205, "Url parameter is required.")
    events = frozenset(str(event) for event in form.getlist("StatusCallbackEvent")) or frozenset({"completed"})
    return Placement(
        to=to,
        from_=from_,
        url=url,
        fallback_url=fallback,
        status_callback=status,
        events=events,
        ring_s=float(min(_whole(form.get("Timeout"), 60), 600)),
        limit_s=float(_whole(form.get("TimeLimit"), 14400)),
        detects_machines=form.get("MachineDetection") in ("Enable", "DetectMessageEnd"),
    )


def _numbers(form: FormData, network: Network) -> tuple[str, str]:
    to, from_ = form.get("To"), form.get("From")
    if not isinstance(to, str) or not to:
        raise ProviderError(400, 21201, "No 'To' number is specified")
    if not E164.fullmatch(to):
        raise ProviderError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    if not isinstance(from_, str) or from_ not in network.account.numbers:
        raise ProviderError(400, 21210, f"The source phone number provided, {from_}, is not yet verified.")
    return to, from_


def _address(form: FormData, name: str) -> str | None:
    value = form.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not ADDRESS.match(value):
        raise ProviderError(400, 21205, f"{name} is not a valid URL")
    if form.get(f"{name}Method", form.get("Method", "POST") if name == "Url" else "POST") != "POST":
        raise ProviderError(400, 20001, f"{name}: this network only posts")
    return value


def _call(sid: str, network: Network) -> Call:
    try:
        return network.calls[sid]
    except KeyError:
        path = f"/2010-04-01/Accounts/{network.account.sid}/Calls/{sid}.json"
        raise ProviderError(404, 20404, f"The requested resource {path} was not found") from None


def _matches(call: Call, wanted: Mapping[str, str]) -> bool:
    exact = {"To": call.to, "From": call.from_, "Status": call.status}
    if any(name in wanted and wanted[name] != value for name, value in exact.items()):
        return False
    bounds = [(name, _moment(wanted[name])) for name in ("StartTime", "StartTime<", "StartTime>") if name in wanted]
    start = call.ringing_at.replace(microsecond=0) if call.ringing_at else None
    if bounds and start is None:
        return False
    return all(_in_bound(name, start, bound) for name, bound in bounds if start is not None)


def _in_bound(name: str, start: datetime, bound: datetime) -> bool:
    if name == "StartTime>":
        return start >= bound
    return start <= bound if name == "StartTime<" else start.date() == bound.date()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProviderError(400, 20001, "StartTime: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(value: object, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, str) or not value.isdecimal():
        raise ProviderError(400, 20001, "a whole number is needed")
    return int(value)


def _page_uri(request: Request, size: int, page: int) -> str:
    kept = [(name, value) for name, value in request.query_params.items() if name not in ("Page", "PageSize")]
    return f"{request.url.path}?{urlencode([*kept, ('PageSize', size), ('Page', page)])}"


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment)


async def _hold(request: Request, network: Network, seconds: float) -> None:
    """Keep the caller waiting, but not longer than it waits."""
    await _first(network.pace.sleep(seconds), _gone(request))


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _first(*waits: Any) -> None:
    tasks: Iterable[asyncio.Future[Any]] = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
