"""The provider's API as programs see it, and the lives of calls, against a centre that does what a test needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from simulators.phone.app import create_app
from simulators.phone.call import Call
from simulators.phone.network import Account, Network
from simulators.phone.people import People, Person
from simulators.phone.webhooks import BACK_OFF_S, signature
from tests.notify.serving import address, listener, serving
from tests.notify.world import CENTRE, LI, SID, TOKEN, WANG, Instant, Stopped, behaviour

ACCOUNT = f"/2010-04-01/Accounts/{SID}"
ASK = '<Response><Gather numDigits="1" action="keys" actionOnEmptyResult="true"><Say>Press 1</Say></Gather></Response>'
BYE = "<Response><Say>Bye</Say><Hangup/></Response>"


@dataclass
class Centre:
    """Answers with documents by path, or with an error; keeps what it was told."""

    documents: dict[str, str] = field(default_factory=lambda: {"/answer": ASK, "/keys": BYE})
    status_code: int = 204
    told: list[dict[str, str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/{path:path}")
        async def post(path: str, request: Request) -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            assert request.headers["X-Twilio-Signature"] == signature(TOKEN, str(request.url), form)
            if path == "status":
                self.told.append(form)
                return Response(status_code=self.status_code)
            self.asked.append((f"/{path}", form))
            document = self.documents.get(f"/{path}")
            return Response(document, 200 if document else 500, media_type="application/xml")

        return app


@dataclass
class Phone:
    """The network, its API as an HTTP client with the right password, and the centre it calls."""

    network: Network
    http: httpx.AsyncClient
    centre: Centre

    def form(self, **changes: Any) -> dict[str, Any]:
        return {
            "To": WANG,
            "From": CENTRE,
            "Url": f"{self.centre.url}/answer",
            "StatusCallback": f"{self.centre.url}/status",
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            "MachineDetection": "Enable",
            **changes,
        }

    async def place(self, **changes: Any) -> Call:
        response = await self.http.post(f"{ACCOUNT}/Calls.json", data=self.form(**changes))
        assert response.status_code == 201, response.text
        return self.network.calls[response.json()["sid"]]

    async def over(self, call: Call) -> None:
        await self.network.until(lambda: call.settled)


@asynccontextmanager
async def phone(pace: Any = None, **does: object) -> AsyncIterator[Phone]:
    people = People(
        people=(
            Person(number=WANG, name="王芳", behaviour=behaviour(**{"does": "answer", **does})),
            Person(number=LI, name="<李>"),
        )
    )
    network = Network(Account(SID, TOKEN, frozenset({CENTRE})), people, pace or Instant())
    bound = listener()
    centre = Centre(url=address(bound))
    transport = httpx.ASGITransport(create_app(network))
    client = httpx.AsyncClient(transport=transport, base_url="http://phone", auth=(SID, TOKEN))
    async with serving(centre.app(), bound), network.running(), client as http:
        yield Phone(network, http, centre)


async def test_the_life_of_an_answered_call() -> None:
    async with phone() as p:
        call = await p.place()
        await p.over(call)
        assert [form["CallStatus"] for form in p.centre.told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [form["SequenceNumber"] for form in p.centre.told] == ["0", "1", "2", "3"]
        assert p.centre.told[-1]["AnsweredBy"] == "human"
        assert p.centre.told[-1]["CallDuration"] == "1"
        assert {form["CallSid"] for form in p.centre.told} == {call.sid}
        assert [(path, form.get("Digits")) for path, form in p.centre.asked] == [("/answer", None), ("/keys", "1")]
        assert call.said == ["Press 1", "Bye"]
        record = (await p.http.get("/calls")).json()[0]
        assert record["keys"] == ["1"]
        assert record["status"] == "completed"
        moments = [datetime.fromisoformat(record[f"{w}_at"]) for w in ("placed", "ringing", "answered", "ended")]
        assert moments == sorted(moments)


async def test_only_the_events_asked_for_are_told() -> None:
    async with phone(does="busy") as p:
        call = await p.place(StatusCallbackEvent=["completed"])
        await p.over(call)
        assert [form["CallStatus"] for form in p.centre.told] == ["busy"]


async def test_nobody_presses_anything_and_the_centre_learns_that_too() -> None:
    async with phone(keys=[]) as p:
        await p.over(await p.place())
        assert p.centre.asked[-1][1]["Digits"] == ""


async def test_a_machine_answers() -> None:
    async with phone(does="voicemail") as p:
        await p.over(await p.place())
        assert p.centre.asked[0][1]["AnsweredBy"] == "machine_start"


async def test_a_rejected_call_is_busy() -> None:
    async with phone(does="reject") as p:
        call = await p.place()
        await p.over(call)
        assert (call.status, call.ringing_at is not None) == ("busy", True)


async def test_one_call_at_a_time_to_a_number() -> None:
    async with phone(Stopped(), does="manual") as p:
        first = await p.place()
        await p.network.until(lambda: first.status == "ringing")
        second = await p.place()
        await p.over(second)
        assert (first.status, second.status) == ("ringing", "busy")


async def test_a_document_that_cannot_be_had_is_asked_of_the_fallback() -> None:
    async with phone() as p:
        p.centre.documents = {"/again": BYE}
        call = await p.place(FallbackUrl=f"{p.centre.url}/again")
        await p.over(call)
        assert [path for path, _ in p.centre.asked] == ["/answer", "/again"]
        assert p.centre.asked[1][1]["ErrorUrl"].endswith("/answer")
        assert call.said == ["Bye"]


async def test_without_any_document_the_network_apologises_and_ends() -> None:
    async with phone() as p:
        p.centre.documents = {"/answer": "<Response><Dial>120</Dial></Response>"}
        call = await p.place()
        await p.over(call)
        assert call.said[0].startswith("We are sorry")
        assert any(h.what == "document_failed" and "<Dial>" in h.detail for h in call.history)


async def test_documents_that_go_in_circles_end_with_the_time_limit() -> None:
    async with phone() as p:
        p.centre.documents = {"/answer": "<Response><Pause length='10'/><Redirect>answer</Redirect></Response>"}
        call = await p.place(TimeLimit="60")
        await p.over(call)
        assert call.status == "completed"
        assert len(p.centre.asked) == 7


async def test_callbacks_are_retried_while_the_centre_fails_then_counted() -> None:
    async with phone(does="busy") as p:
        p.centre.status_code = 500
        call = await p.place(StatusCallbackEvent=["completed"])
        await p.over(call)
        assert len(p.centre.told) == 1 + len(BACK_OFF_S)
        assert call.callbacks_lost == 1
        assert (await p.http.get("/healthz")).json() == {"status": "ok", "calls": 1, "live": 0, "callbacks_lost": 1}
        assert "callbacks lost: 1" in (await p.http.get("/")).text


async def test_a_callback_the_centre_refuses_is_not_repeated() -> None:
    async with phone(does="busy") as p:
        p.centre.status_code = 403
        await p.over(await p.place(StatusCallbackEvent=["completed"]))
        assert len(p.centre.told) == 1
        assert p.network.callbacks_lost == 1


async def test_a_centre_that_is_gone_delays_nobody() -> None:
    async with phone(does="busy") as p:
        gone = listener()
        call = await p.place(StatusCallback=f"{address(gone)}/status")
        await p.network.until(lambda: call.callbacks_lost == 2)
        gone.close()
        assert call.status == "busy"


async def test_a_person_at_the_telephone_answers_presses_and_hangs_up() -> None:
    async with phone(Stopped(), does="manual") as p:
        call = await p.place()
        await p.network.until(lambda: call.status == "ringing")
        assert (await p.http.post(f"/calls/{call.sid}/press", json={"key": "1"})).status_code == 409
        assert (await p.http.post(f"/calls/{call.sid}/answer")).status_code == 200
        await p.network.until(lambda: call.said == ["Press 1"])
        assert (await p.http.post(f"/calls/{call.sid}/answer")).status_code == 409
        assert (await p.http.post(f"/calls/{call.sid}/press", json={"key": "A"})).status_code == 422
        assert (await p.http.post(f"/calls/{call.sid}/press", json={"key": "2"})).status_code == 200
        await p.network.until(lambda: "Bye" in call.said)
        assert (await p.http.post(f"/calls/{call.sid}/hangup")).status_code == 200
        await p.over(call)
        assert (await p.http.post(f"/calls/{call.sid}/hangup")).status_code == 409
        assert (await p.http.post("/calls/CA0/answer")).status_code == 404
        assert p.centre.asked[-1][1]["Digits"] == "2"


async def test_behaviour_changes_from_the_next_call_on() -> None:
    async with phone() as p:
        changed = await p.http.post(f"/people/{WANG}/behaviour", json={"does": "busy"})
        assert changed.json()["behaviour"] == {"does": "busy"}
        call = await p.place()
        await p.over(call)
        assert call.status == "busy"
        wrong = await p.http.post(f"/people/{WANG}/behaviour", json={"does": "busy", "mood": "good"})
        assert wrong.status_code == 422
        assert (await p.http.post("/people/+8613900000777/behaviour", json={"does": "manual"})).status_code == 200
        assert [person["number"] for person in (await p.http.get("/people")).json()] == [WANG, LI, "+8613900000777"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "13900000001"}, 21211),
        ({"From": "+8613900000001"}, 21210),
        ({"Url": ""}, 21205),
        ({"Url": "centre/answer"}, 21205),
        ({"StatusCallback": "nowhere"}, 21205),
        ({"Timeout": "long"}, 20001),
        ({"Method": "GET"}, 20001),
    ],
)
async def test_refusals_are_in_the_providers_form(changes: dict[str, str], code: int) -> None:
    async with phone() as p:
        response = await p.http.post(f"{ACCOUNT}/Calls.json", data=p.form(**changes))
        assert response.status_code == 400
        body = response.json()
        assert (body["code"], body["status"]) == (code, 400)
        assert body["more_info"].endswith(str(code))
        assert not p.network.calls


@pytest.mark.parametrize("password", [None, (SID, "wrong"), ("AC" + "0" * 32, TOKEN)])
async def test_without_the_right_password_nothing_goes(password: tuple[str, str] | None) -> None:
    async with phone() as p:
        for method, path in (("POST", "Calls.json"), ("GET", "Calls.json"), ("GET", "Calls/CA1.json")):
            request = httpx.Request(method, f"http://phone{ACCOUNT}/{path}")
            response = await p.http.send(request, auth=httpx.BasicAuth(*password) if password else None)
            assert response.status_code == 401
            assert response.json()["code"] == 20003


async def test_calls_are_listed_newest_first_in_pages_and_by_their_fields() -> None:
    async with phone() as p:
        first, second = await p.place(), await p.place(To=LI)
        await asyncio.gather(p.over(first), p.over(second))
        third = await p.place(To="+8613900009999")  # never dialled: it has no start time
        await p.over(third)

        async def listed(**query: str) -> list[str]:
            response = await p.http.get(f"{ACCOUNT}/Calls.json", params=query)
            return [call["sid"] for call in response.json()["calls"]]

        assert await listed() == [third.sid, second.sid, first.sid]
        assert await listed(To=LI) == [second.sid]
        assert await listed(Status="failed") == [third.sid]
        assert await listed(**{"StartTime>": "2020-01-01T00:00:00Z"}) == [second.sid, first.sid]
        assert await listed(**{"StartTime<": "2020-01-01T00:00:00Z"}) == []
        assert (await p.http.get(f"{ACCOUNT}/Calls.json", params={"StartTime>": "soon"})).status_code == 400
        page = (await p.http.get(f"{ACCOUNT}/Calls.json", params={"PageSize": "2"})).json()
        assert page["previous_page_uri"] is None
        rest = (await p.http.get(page["next_page_uri"])).json()
        assert [call["sid"] for call in rest["calls"]] == [first.sid]
        assert rest["next_page_uri"] is None


async def test_only_a_live_call_can_be_ended() -> None:
    async with phone(Stopped(), does="manual") as p:
        call = await p.place()
        path = f"{ACCOUNT}/Calls/{call.sid}.json"
        assert (await p.http.post(path, data={"Status": "asleep"})).status_code == 400
        assert (await p.http.post(path, data={"Status": "canceled"})).status_code == 200
        await p.over(call)
        assert (await p.http.get(path)).json()["status"] == "canceled"
        refused = await p.http.post(path, data={"Status": "completed"})
        assert (refused.status_code, refused.json()["code"]) == (400, 21220)
        assert (await p.http.get(f"{ACCOUNT}/Calls/CA0.json")).json()["code"] == 20404


async def test_troubles_come_one_per_request_in_their_order() -> None:
    async with phone() as p:
        coming = [{"status": 429, "retry_after_s": 3}, {"status": 500, "placed": True}]
        assert (await p.http.post("/troubles", json=coming)).status_code == 204
        first = await p.http.post(f"{ACCOUNT}/Calls.json", data=p.form())
        assert (first.status_code, first.headers["Retry-After"]) == (429, "3")
        assert not p.network.calls
        assert (await p.http.post(f"{ACCOUNT}/Calls.json", data=p.form())).status_code == 500
        assert len(p.network.calls) == 1
        await p.place(To=LI)


async def test_messages_are_kept() -> None:
    async with phone() as p:
        form = {"To": WANG, "From": CENTRE, "Body": "您好"}
        sent = await p.http.post(f"{ACCOUNT}/Messages.json", data=form)
        assert sent.status_code == 201
        (kept,) = (await p.http.get("/messages")).json()
        assert (kept["sid"], kept["to"], kept["body"]) == (sent.json()["sid"], WANG, "您好")
        assert (await p.http.post(f"{ACCOUNT}/Messages.json", data={**form, "Body": ""})).json()["code"] == 21602


async def test_the_page_shows_who_rings_with_buttons_that_work() -> None:
    async with phone(Stopped()) as p:
        await p.http.post(f"/people/{LI}/behaviour", json={"does": "manual"})
        call = await p.place(To=LI)
        await p.network.until(lambda: call.status == "ringing")
        page = await p.http.get("/")
        assert "script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "&lt;李&gt;" in page.text
        assert "<李>" not in page.text
        assert f"/phones/{call.sid}/answer" in page.text
        for button in ("answer", "1"):
            pushed = await p.http.post(f"/phones/{call.sid}/{button}")
            assert (pushed.status_code, pushed.headers["Location"]) == (303, "/")
            await p.network.until(lambda: call.status == "in-progress")
        await p.network.until(lambda: call.keys == ["1"])
        assert (await p.http.post(f"/phones/{call.sid}/dance")).status_code == 404
        assert (await p.http.get("/phone.css")).headers["Content-Type"].startswith("text/css")


async def test_calls_that_are_live_at_the_end_are_dropped() -> None:
    async with phone(Stopped(), does="manual") as p:
        call = await p.place()
        await p.network.until(lambda: call.status == "ringing")
    assert call.status == "ringing"
