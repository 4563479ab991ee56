"""The network as tests and demonstrations see and steer it. Not part of the provider's API, and without a password:
it listens on this machine only."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from simulators.phone.call import Act, Action, Call, CallRecord
from simulators.phone.network import Network, Trouble
from simulators.phone.people import Behaviour, Number, Person
from simulators.phone.provider_api import NetworkDep

router = APIRouter()


class Press(BaseModel):
    """A key."""

    model_config = ConfigDict(extra="forbid")
    key: Annotated[str, Field(pattern=r"^[0-9*#]$")]


@router.get("/healthz")
async def healthz(network: NetworkDep) -> dict[str, Any]:
    """Alive, with the counts that show trouble."""
    live = sum(call.is_live for call in network.calls.values())
    return {"status": "ok", "calls": len(network.calls), "live": live, "callbacks_lost": network.callbacks_lost}


@router.get("/people")
async def people(network: NetworkDep) -> list[Person]:
    """Everybody with a telephone."""
    return list(network.people.values())


@router.post("/people/{number}/behaviour")
async def behave(number: Number, behaviour: Annotated[Behaviour, Body()], network: NetworkDep) -> Person:
    """What that person does from the next call on."""
    return network.behave(number, behaviour)


@router.get("/calls")
async def calls(network: NetworkDep, to: str | None = None, live: bool | None = None) -> list[CallRecord]:
    """Calls in the order they were placed, with all that happened."""
    chosen = (c for c in network.calls.values() if to in (None, c.to) and live in (None, c.is_live))
    return [call.record() for call in chosen]


@router.post("/calls/{sid}/answer")
async def answer(sid: str, network: NetworkDep) -> CallRecord:
    """Pick up."""
    return do(network, sid, Action(Act.ANSWER))


@router.post("/calls/{sid}/press")
async def press(sid: str, pressed: Press, network: NetworkDep) -> CallRecord:
    """Press a key of an answered call."""
    return do(network, sid, Action(Act.PRESS, pressed.key))


@router.post("/calls/{sid}/hangup")
async def hang_up(sid: str, network: NetworkDep) -> CallRecord:
    """Put down, or refuse to answer."""
    return do(network, sid, Action(Act.HANG_UP))


@router.get("/messages")
async def messages(network: NetworkDep) -> list[dict[str, Any]]:
    """SMS in the order they came."""
    return [{"sid": m.sid, "to": m.to, "from": m.from_, "body": m.body, "sent_at": m.sent_at} for m in network.messages]


@router.post("/troubles", status_code=204)
async def troubles(coming: list[Trouble], network: NetworkDep) -> None:
    """What goes wrong with the next requests to place a call, one each, in this order."""
    network.troubles.extend(coming)


def do(network: Network, sid: str, action: Action) -> CallRecord:
    """An action that fits the call's state; HTTPException 404 or 409 otherwise."""
    call: Call | None = network.calls.get(sid)
    if call is None:
        raise HTTPException(404, f"no call {sid}")
    if not call.is_live:
        raise HTTPException(409, "the call is over")
    if action.act is Act.ANSWER and call.status == "in-progress":
        raise HTTPException(409, "the call is answered already")
    if action.act is Act.PRESS and call.status != "in-progress":
        raise HTTPException(409, "answer the call first")
    network.act(call, action)
    return call.record()
