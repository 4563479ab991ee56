"""The provider's requests: believed by their signature over the public address alone, and never answered with 500."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4
from xml.etree import ElementTree

import httpx
import pytest

from devices.events import Mode
from server.notify.channel import AnswerContext, AnsweredBy, CallState, CallUpdate
from server.notify.signature import Callbacks, Hook
from simulators.phone.webhooks import signature
from tests.notify.world import TOKEN, FakeCalls, centre_app

PUBLIC = "https://anhu.example.cn"
INSIDE = "http://10.0.0.7:8080"
CALL = "CA" + "1" * 32


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@asynccontextmanager
async def client(calls: FakeCalls, known: Callbacks | None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(centre_app(calls, known))
    async with httpx.AsyncClient(transport=transport, base_url=INSIDE) as made:
        yield made


async def post(
    calls: FakeCalls,
    hook: str,
    form: Mapping[str, str],
    *,
    attempt: UUID | str | None = None,
    query: str = "",
    base: str = PUBLIC,
    token: str = TOKEN,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """As the provider posts it to the public address, through a proxy that speaks plain HTTP to us."""
    path = f"/telephony/voice/{attempt or uuid4()}/{hook}{query}"
    signed = {"X-Twilio-Signature": signature(token, base + path, form), **(headers or {})}
    async with client(calls, Callbacks(PUBLIC, TOKEN)) as made:
        return await made.post(path, data=dict(form), headers=signed)


def status(**fields: str) -> dict[str, str]:
    return {"CallSid": CALL, "CallStatus": "ringing", "SequenceNumber": "1", "To": "+8613900000001", **fields}


async def test_a_status_is_passed_on_as_it_came(calls: FakeCalls) -> None:
    attempt = uuid4()
    response = await post(calls, "status", status(AnsweredBy="machine_end_beep"), attempt=attempt)
    assert response.status_code == 204
    assert calls.updates == [CallUpdate(attempt, CALL, CallState.RINGING, AnsweredBy.MACHINE, seq=1)]


async def test_the_same_status_twice_and_an_older_one_are_the_engines_business(calls: FakeCalls) -> None:
    attempt = uuid4()
    for form in (
        status(CallStatus="busy", SequenceNumber="2"),
        status(CallStatus="busy", SequenceNumber="2"),
        status(),
    ):
        assert (await post(calls, "status", form, attempt=attempt)).status_code == 204
    assert [update.seq for update in calls.updates] == [2, 2, 1]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("queued", CallState.PLACED),
        ("initiated", CallState.PLACED),
        ("ringing", CallState.RINGING),
        ("in-progress", CallState.ANSWERED),
        ("completed", CallState.COMPLETED),
        ("busy", CallState.BUSY),
        ("no-answer", CallState.NO_ANSWER),
        ("failed", CallState.FAILED),
        ("canceled", CallState.CANCELED),
    ],
)
async def test_every_state_of_the_provider_has_a_word_of_ours(calls: FakeCalls, said: str, state: CallState) -> None:
    assert (await post(calls, "status", status(CallStatus=said))).status_code == 204
    assert calls.updates[0].state is state


async def test_signed_over_the_address_inside_the_proxy_is_refused(calls: FakeCalls) -> None:
    assert (await post(calls, "status", status(), base=INSIDE)).status_code == 403
    assert calls.updates == []


async def test_a_host_header_does_not_choose_what_must_be_signed(calls: FakeCalls) -> None:
    evil = "https://evil.example.com"
    headers = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}
    assert (await post(calls, "status", status(), base=evil, headers=headers)).status_code == 403


@pytest.mark.parametrize("hook", ["answer", "keys", "status"])
async def test_a_wrong_token_is_refused_with_a_hint_and_nothing_happens(calls: FakeCalls, hook: str) -> None:
    response = await post(calls, hook, status(Digits="1"), token="another")
    assert response.status_code == 403
    assert "voice.callback_url" in response.json()["title"]
    assert calls.updates == []
    assert calls.keys == []


async def test_no_signature_at_all_is_refused(calls: FakeCalls) -> None:
    async with client(calls, Callbacks(PUBLIC, TOKEN)) as made:
        response = await made.post(f"/telephony/voice/{uuid4()}/status", data=status())
    assert response.status_code == 403


async def test_a_changed_field_or_query_breaks_the_signature(calls: FakeCalls) -> None:
    attempt = uuid4()
    path = f"/telephony/voice/{attempt}/keys?round=1"
    form = status(Digits="2")
    headers = {"X-Twilio-Signature": signature(TOKEN, PUBLIC + path, form)}
    async with client(calls, Callbacks(PUBLIC, TOKEN)) as made:
        assert (await made.post(path, data=form, headers=headers)).status_code == 200
        assert (await made.post(path, data={**form, "Digits": "1"}, headers=headers)).status_code == 403
        assert (await made.post(path.replace("=1", "=2"), data=form, headers=headers)).status_code == 403
    assert [digit for *_, digit in calls.keys] == ["2"]


@pytest.mark.parametrize(
    ("hook", "form", "field"),
    [
        ("status", {"CallStatus": "ringing"}, "CallSid"),
        ("status", {"CallSid": "../../Accounts", "CallStatus": "ringing"}, "CallSid"),
        ("status", {"CallSid": CALL}, "CallStatus"),
        ("status", {"CallSid": CALL, "CallStatus": "sleeping"}, "CallStatus"),
        ("status", {"CallSid": CALL, "CallStatus": "ringing", "SequenceNumber": "one"}, "SequenceNumber"),
        ("keys", {"CallSid": CALL, "Digits": "11"}, "Digits"),
        ("answer", {"To": "+8613900000001"}, "CallSid"),
    ],
)
async def test_a_wrong_form_names_its_field(calls: FakeCalls, hook: str, form: dict[str, str], field: str) -> None:
    response = await post(calls, hook, form)
    assert response.status_code == 422
    assert response.json()["field"] == field
    assert calls.updates == []


async def test_a_number_in_a_wrong_field_is_not_repeated(calls: FakeCalls) -> None:
    response = await post(calls, "status", status(CallSid="+8613900000001"))
    assert response.status_code == 422
    assert "139" not in response.text


@pytest.mark.parametrize("round_", ["x", "", "-1", "999999999999", "²"])
async def test_a_wrong_round_is_told(calls: FakeCalls, round_: str) -> None:
    url = str(httpx.URL(f"{PUBLIC}/", params={"round": round_}))
    response = await post(calls, "keys", {"CallSid": CALL}, query=url.removeprefix(f"{PUBLIC}/"))
    assert response.status_code == 422
    assert response.json()["field"] == "round"


async def test_an_address_without_an_attempt_is_not_found(calls: FakeCalls) -> None:
    assert (await post(calls, "status", status(), attempt="not-an-id")).status_code == 404


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("", b"CallSid=1"),
        ("application/x-www-form-urlencoded", b"To=%ff%fe"),
        ("application/x-www-form-urlencoded", "To=安".encode()),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(500))),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
    ],
)
async def test_what_is_not_a_form_is_refused_before_anything_is_checked(
    calls: FakeCalls, kind: str, body: bytes
) -> None:
    async with client(calls, Callbacks(PUBLIC, TOKEN)) as made:
        path = f"/telephony/voice/{uuid4()}/status"
        response = await made.post(path, content=body, headers={"Content-Type": kind})
    assert response.status_code == 422
    assert response.json()["field"] in ("Content-Type", "body")


async def test_a_centre_without_a_telephone_says_so(calls: FakeCalls) -> None:
    async with client(calls, None) as made:
        response = await made.post(f"/telephony/voice/{uuid4()}/status", data=status())
    assert response.status_code == 404
    assert "no telephone" in response.json()["title"]


async def test_an_answer_tells_the_engine_and_asks_for_a_key_at_the_public_address(calls: FakeCalls) -> None:
    attempt = uuid4()
    response = await post(calls, "answer", {"CallSid": CALL, "AnsweredBy": "human"}, attempt=attempt)
    assert response.headers["Content-Type"].startswith("application/xml")
    gather = ElementTree.fromstring(response.text).find("Gather")
    assert gather is not None
    assert gather.get("action") == Callbacks(PUBLIC, TOKEN).url(attempt, Hook.KEYS, "round=1")
    assert calls.updates == [CallUpdate(attempt, CALL, CallState.ANSWERED, AnsweredBy.HUMAN, seq=None)]


async def test_a_slow_voice_taken_for_a_machine_may_still_press_1(calls: FakeCalls) -> None:
    attempt = uuid4()
    response = await post(calls, "answer", {"CallSid": CALL, "AnsweredBy": "machine_start"}, attempt=attempt)
    gather = ElementTree.fromstring(response.text).find("Gather")
    assert gather is not None
    query = "?" + (gather.get("action") or "").partition("?")[2]
    pressed = await post(calls, "keys", {"CallSid": CALL, "Digits": "1"}, attempt=attempt, query=query)
    assert "请现在出发" in pressed.text
    assert calls.keys == [(attempt, CALL, "1")]


async def test_an_unknown_attempt_is_spoken_to_in_both_languages(calls: FakeCalls) -> None:
    calls.context = None
    for hook in ("answer", "keys"):
        response = await post(calls, hook, {"CallSid": CALL, "Digits": "1"})
        assert [say.get("language") for say in ElementTree.fromstring(response.text).iter("Say")] == ["zh-CN", "en-US"]
    assert calls.keys == []


async def test_a_key_pressed_after_the_end_still_reaches_the_engine(calls: FakeCalls) -> None:
    calls.context = AnswerContext("en", "Li Lan", "sos", Mode.ACTUAL, minutes=9, over=True)
    assert "dealt with" in (await post(calls, "keys", {"CallSid": CALL, "Digits": "1"})).text
    assert "dealt with" in (await post(calls, "keys", {"CallSid": CALL, "Digits": ""})).text
    assert [digit for *_, digit in calls.keys] == ["1"]
