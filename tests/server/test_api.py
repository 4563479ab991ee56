"""The API as a client sees it: sign in, see, claim, close; and every refusal says what would be right."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from server.accounts.model import Account
from server.accounts.passwords import hash_password
from server.app import create_app
from server.escalation.model import Escalation
from tests.server.harness import Story

PASSWORD = "a long password"


class Client:
    """A signed-in program."""

    def __init__(self, http: httpx.AsyncClient, csrf: str) -> None:
        self.http, self._csrf = http, csrf

    async def post(self, path: str, body: dict[str, object]) -> httpx.Response:
        return await self.http.post(f"/api/v1/alarms/{path}", json=body, headers={"X-CSRF-Token": self._csrf})

    async def alarms(self, state: str = "open") -> list[dict[str, object]]:
        answer = await self.http.get("/api/v1/alarms", params={"state": state})
        found: list[dict[str, object]] = answer.json()["alarms"]
        return found


@pytest.fixture
async def http(told: Story) -> AsyncIterator[httpx.AsyncClient]:
    told.centre.health.broker_connected = lambda: True
    transport = httpx.ASGITransport(create_app(told.centre))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
async def anna(told: Story, http: httpx.AsyncClient) -> Client:
    return await sign_in(told, http, "anna")


async def sign_in(told: Story, http: httpx.AsyncClient, name: str) -> Client:
    async with told.centre.db.write() as session:
        account = await session.get(Account, told.operators[name].account_id)
        assert account is not None
        account.password_hash = hash_password(PASSWORD)
    answer = await http.post("/api/v1/session", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Client(http, answer.json()["csrf_token"])


async def test_nothing_is_told_without_signing_in(http: httpx.AsyncClient) -> None:
    for path in ("/api/v1/alarms", "/api/v1/session", "/api/v1/stream"):
        answer = await http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    wrong = await http.post("/api/v1/session", json={"username": "anna", "password": "wrong"})
    assert wrong.status_code == 401


async def test_an_alarm_from_press_to_outcome(told: Story, anna: Client) -> None:
    press = await told.press()
    (alarm,) = await anna.alarms()
    assert alarm["resident"] == {"id": "wang", "name": "王桂兰"}
    claimed = (await anna.post(f"{alarm['id']}/claim", {"version": alarm["version"]})).json()
    assert claimed["claimed_by"] == "Anna"
    assert claimed["signals"][0]["event_id"] == str(press.id)
    await told.forward(15)
    await told.press_key("daughter", "1")
    whole = (await anna.http.get(f"/api/v1/alarms/{alarm['id']}")).json()
    assert [(a["person"], a["state"], a["try"]) for a in whole["attempts"]] == [("王芳", "accepted", 0)]
    noted = await anna.post(f"{alarm['id']}/notes", {"text": "Daughter is going."})
    assert noted.json()["timeline"][-1]["body"] == {"text": "Daughter is going."}
    on_site = (await anna.post(f"{alarm['id']}/duty", {"version": whole["version"], "duty": "on_site"})).json()
    assert on_site["duty"] == "on_site"
    body = {"version": on_site["version"], "outcome": "genuine:fall"}
    closed = (await anna.post(f"{alarm['id']}/close", body)).json()
    assert (closed["state"], closed["outcome"]) == ("closed", "genuine:fall")
    assert await anna.alarms() == []
    assert len(await anna.alarms("closed")) == 1


async def test_refusals_name_what_would_be_right(told: Story, anna: Client) -> None:
    await told.press()
    (alarm,) = await anna.alarms()
    path = str(alarm["id"])
    cases: list[tuple[str, dict[str, object], int, str]] = [
        (f"{path}/close", {"version": 1, "outcome": "nice"}, 422, "genuine:fall"),
        (f"{path}/close", {"version": 99, "outcome": "false"}, 409, "look again"),
        (f"{path}/close", {"outcome": "false"}, 422, "body.version"),
        (f"{path}/notes", {"text": ""}, 422, "body.text"),
        (f"{path}/claim", {"versoin": 1}, 422, "versoin"),
        (f"{path}/duty", {"version": 1, "duty": "inside"}, 409, "accepted"),
        ("00000000-0000-0000-0000-000000000000/claim", {}, 404, "region"),
        ("not-a-uuid/claim", {}, 422, "alarm_id"),
    ]
    for where, body, status, says in cases:
        answer = await anna.post(where, body)
        assert (answer.status_code, says in answer.text) == (status, True), (where, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    unsigned = await anna.http.post(f"/api/v1/alarms/{path}/claim", json={})
    assert unsigned.status_code == 403, "a POST without the CSRF token changes nothing"


async def test_the_second_claim_reads_who_has_it(told: Story, anna: Client) -> None:
    await told.press()
    (alarm,) = await anna.alarms()
    await told.claim("ben", (await told.board())[0].id)
    answer = await anna.post(f"{alarm['id']}/claim", {})
    assert (answer.status_code, answer.json()["taken_by"]) == (409, "Ben")
    assert answer.json()["type"].endswith("/already-taken")


async def test_healthz_fails_when_a_link_is_broken(told: Story, http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json()["parts"]["escalation"] == "has not run yet"
    await told.settle_down()
    assert (await http.get("/healthz")).status_code == 200
    told.centre.health.broker_connected = lambda: False
    broken = await http.get("/healthz")
    assert (broken.status_code, broken.json()["parts"]["broker"]) == (503, "not connected")
    told.centre.health.broker_connected = lambda: True
    told.clock.advance(31)
    assert "last ran" in (await http.get("/healthz")).json()["parts"]["escalation"]


async def test_healthz_tells_of_overdue_steps(told: Story, http: httpx.AsyncClient) -> None:
    await told.press()
    async with told.centre.db.write() as session:
        await session.execute(update(Escalation).values(due_at=told.clock.now() - timedelta(seconds=60)))
    assert "overdue" in (await http.get("/healthz")).json()["parts"]["database"]


async def test_metrics_name_nobody(told: Story, http: httpx.AsyncClient) -> None:
    await told.press()
    text = (await http.get("/metrics")).text
    assert 'anhu_open_alarms{mode="actual"} 1.0' in text
    assert "王" not in text
    assert "wang" not in text


async def test_openapi_describes_every_route_of_the_api(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    for path in ("/api/v1/alarms", "/api/v1/alarms/{alarm_id}/claim", "/api/v1/session", "/api/v1/stream"):
        assert path in document["paths"]
    assert all("summary" in operation for item in document["paths"].values() for operation in item.values())


async def test_roles_without_a_view_of_their_own_see_nobody(told: Story, anna: Client) -> None:
    await told.press()
    (alarm,) = await anna.alarms()
    for role, status in (("viewer", 200), ("family", 403), ("responder", 403), ("api", 403)):
        async with told.centre.db.write() as session:
            account = await session.get(Account, told.operators["anna"].account_id)
            assert account is not None
            account.role = role
        for path in ("/api/v1/alarms", f"/api/v1/alarms/{alarm['id']}", "/board", f"/alarms/{alarm['id']}"):
            answer = await anna.http.get(path)
            assert (answer.status_code, "王桂兰" in answer.text) == (status, status == 200), (role, path)
    assert "no view of the alarms" in answer.text
    assert "Sign out" in answer.text, "nobody is caught in a page that refuses"
