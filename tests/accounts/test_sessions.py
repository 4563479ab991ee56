"""Signing in over the API: what is kept, what is told, when it ends."""

import asyncio
import logging

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from server.accounts import passwords, sessions
from server.accounts.model import Account, Session
from tests.console.harness import PASSWORD, Client, Desk

SESSION = "/api/v1/session"


async def sign_in(client: Client, username: str = "anna", password: str = PASSWORD) -> dict[str, object]:
    answer = await client.post(SESSION, json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


async def test_signs_in_and_knows_who(desk: Desk) -> None:
    async with desk.client() as client:
        told = await sign_in(client)
        again = (await client.get(SESSION)).json()
    assert told == again
    account = told["account"]
    assert isinstance(account, dict)
    assert (account["username"], account["role"], account["region"]) == ("anna", "operator", "360000/360700/360702")


async def test_only_a_digest_of_the_token_is_stored(desk: Desk) -> None:
    async with desk.client() as client:
        await sign_in(client)
        token = client.cookies["anhu_session"]
    async with desk.centre.db.read() as session:
        row = (await session.scalars(select(Session))).one()
    assert row.token_hash == sessions.hash_token(token)
    assert token not in (row.token_hash, row.csrf_token)


async def test_cookie_is_for_the_server_alone(desk: Desk) -> None:
    async with desk.client() as client:
        answer = await client.post(SESSION, json={"username": "anna", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie, "the demo is served without TLS"


async def test_cookie_is_secure_behind_tls(desk: Desk) -> None:
    settings = desk.centre.settings
    web = settings.web.model_copy(update={"public_url": "https://desk.example"})
    desk.centre.settings = settings.model_copy(update={"web": web})
    async with desk.client() as client:
        answer = await client.post(SESSION, json={"username": "anna", "password": PASSWORD})
    assert "; secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("username", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "x" * 1000)]
)
async def test_wrong_sign_in_does_not_say_which_half(desk: Desk, username: str, password: str) -> None:
    async with desk.client() as client:
        answer = await client.post(SESSION, json={"username": username, "password": password})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/wrong-sign-in"
    assert answer.json()["title"] == "The user name or the password is not right."
    assert "set-cookie" not in answer.headers


async def test_unknown_user_costs_a_hash_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    real = passwords._matches

    def matches(password: str, password_hash: str | None) -> bool:
        asked.append(password_hash)
        return real(password, password_hash)

    monkeypatch.setattr(passwords, "_matches", matches)
    async with desk.client() as client:
        await client.post(SESSION, json={"username": "nobody", "password": PASSWORD})
    assert asked == [None], "the same work is done for a name that does not exist"


async def test_malformed_body_names_the_field(desk: Desk) -> None:
    async with desk.client() as client:
        answer = await client.post(SESSION, json={"user": "anna", "password": PASSWORD})
    assert answer.status_code == 422
    assert any("username" in mistake["field"] for mistake in answer.json()["errors"])


async def test_nobody_is_signed_in_without_a_session(desk: Desk) -> None:
    async with desk.client() as client:
        for path in (SESSION, "/api/v1/alarms", "/api/v1/stream"):
            answer = await client.get(path)
            assert (path, answer.status_code) == (path, 401)
            assert answer.json()["type"] == "/problems/not-signed-in"


async def test_signing_out_ends_it_everywhere(desk: Desk) -> None:
    async with desk.client() as client:
        told = await sign_in(client)
        token = client.cookies["anhu_session"]
        forged = await client.delete(SESSION)
        assert forged.status_code == 403, "signing out changes something, so it needs the token"
        done = await client.delete(SESSION, headers={"X-CSRF-Token": str(told["csrf_token"])})
        assert done.status_code == 204
    async with desk.client() as thief:
        thief.cookies.set("anhu_session", token)
        assert (await thief.get(SESSION)).status_code == 401


async def test_changes_need_the_csrf_token(desk: Desk) -> None:
    await desk.press()
    (row,) = await desk.board()
    async with desk.client() as client:
        told = await sign_in(client)
        wrong: list[dict[bytes, bytes]] = [{}, {b"X-CSRF-Token": b"guess"}, {b"X-CSRF-Token": b"\xe4"}]
        for headers in wrong:
            answer = await client.post(f"/api/v1/alarms/{row.id}/claim", json={}, headers=headers)
            assert answer.status_code == 403, headers
        good = {"X-CSRF-Token": str(told["csrf_token"])}
        assert (await client.post(f"/api/v1/alarms/{row.id}/claim", json={}, headers=good)).status_code == 200


async def test_another_site_cannot_sign_somebody_in(desk: Desk) -> None:
    async with desk.client() as client:
        body = {"username": "anna", "password": PASSWORD}
        assert (await client.post(SESSION, json=body, headers={"Origin": "http://["})).status_code == 403
        assert (await client.post(SESSION, json=body, headers={"Origin": "https://evil.example"})).status_code == 403
        assert (await client.post(SESSION, json=body, headers={"Origin": "http://127.0.0.1:8080"})).status_code == 200


async def test_session_ends_when_idle_and_for_good(desk: Desk) -> None:
    web = desk.centre.settings.web
    async with desk.client() as client:
        await sign_in(client)
        for _ in range(3):  # used now and then, it lives on past the idle time
            desk.clock.advance(web.session_idle_s * 0.6)
            assert (await client.get(SESSION)).status_code == 200
        desk.clock.advance(web.session_idle_s * 0.6)
        assert web.session_idle_s * 2.4 > web.session_max_s
        assert (await client.get(SESSION)).status_code == 401, "however much used, it ends"
    async with desk.client() as client:
        await sign_in(client)
        desk.clock.advance(web.session_idle_s + 1)
        assert (await client.get(SESSION)).status_code == 401


async def test_disabled_account_is_out_at_once(desk: Desk) -> None:
    async with desk.client() as client:
        await sign_in(client)
        async with desk.centre.db.write() as session:
            await session.execute(
                update(Account).where(Account.username == "anna").values(disabled_at=desk.clock.now())
            )
        assert (await client.get(SESSION)).status_code == 401
        answer = await client.post(SESSION, json={"username": "anna", "password": PASSWORD})
        assert answer.status_code == 401


async def test_old_sessions_are_swept(desk: Desk) -> None:
    async with desk.client() as client:
        await sign_in(client)
        desk.clock.advance(desk.centre.settings.web.session_max_s + 1)
        await sign_in(client)
    async with desk.centre.db.read() as session:
        assert len((await session.scalars(select(Session))).all()) == 1


async def test_old_hash_is_renewed(desk: Desk) -> None:
    weak = "$argon2id$v=19$m=8,t=1,p=1$"
    async with desk.centre.db.write() as session:
        old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        assert old.startswith(weak)
        await session.execute(update(Account).where(Account.username == "anna").values(password_hash=old))
    async with desk.client() as client:
        await sign_in(client)
    async with desk.centre.db.read() as session:
        row = (await session.scalars(select(Account).where(Account.username == "anna"))).one()
    assert not row.password_hash.startswith(weak)
    assert not passwords.needs_new_hash(row.password_hash)


async def test_many_sign_ins_at_once(desk: Desk) -> None:
    async with desk.client() as client:
        answers = await asyncio.gather(
            *(client.post(SESSION, json={"username": "anna", "password": PASSWORD}) for _ in range(6))
        )
    assert [a.status_code for a in answers] == [200] * 6


async def test_nothing_personal_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    async with desk.client() as client:
        await client.post(SESSION, json={"username": "anna", "password": "hunter2"})
        await sign_in(client)
    said = caplog.text + "".join(capfd.readouterr())
    for secret in ("anna", "Anna", "hunter2", PASSWORD):
        assert secret not in said


def test_damaged_hash_matches_nothing() -> None:
    assert not passwords._matches("x", "not a hash")
    assert not passwords._matches("nobody", None), "nobody's own password opens nothing"
