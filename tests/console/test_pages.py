"""The pages as a browser without scripts sees them: plain forms, clear refusals, both languages."""

import re
from html import unescape

import httpx
import pytest

from devices.events import BatteryLow, Fall, Mode, Sos
from devices.readings import BloodPressure, HeartRate
from tests.console.harness import PASSWORD, Desk


def words_of(answer: httpx.Response | str) -> str:
    """The page's text."""
    html = answer if isinstance(answer, str) else answer.text
    body = re.sub(r"<(script|style|head).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.mark.parametrize(
    ("accept", "says"),
    [("", "登录"), ("en-GB,en;q=0.9", "Sign in"), ("zh-TW", "登录"), ("fr,de;q=0.5", "登录"), ("en;q=x, zh", "登录")],
)
async def test_language_of_the_sign_in_page(desk: Desk, accept: str, says: str) -> None:
    async with desk.client(**({"Accept-Language": accept} if accept else {})) as client:
        page = await client.get("/signin")
    assert says in words_of(page)


@pytest.mark.parametrize(
    ("language", "says"), [("zh-CN", "用户名或密码不对。"), ("en", "The user name or the password is not right.")]
)
@pytest.mark.parametrize("username", ["anna", "nobody"])
async def test_wrong_sign_in(desk: Desk, language: str, says: str, username: str) -> None:
    async with desk.client(**{"Accept-Language": language}) as client:
        answer = await client.post("/signin", data={"username": username, "password": "wrong"})
    assert answer.status_code == 401
    assert says in words_of(answer)
    assert f'value="{username}"' in answer.text, "what was typed stays, but the password"
    assert "wrong" not in words_of(answer)


async def test_sign_in_leads_to_where_one_wanted(desk: Desk) -> None:
    async with desk.client() as client:
        answer = await client.get("/board")
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin?next=/board")
        for wanted, goes_to in (
            ("/alarms/x", "/alarms/x"),
            ("https://evil.example/", "/board"),
            ("//evil.example/", "/board"),
            ("/\\evil.example", "/board"),
            ("javascript:alert(1)", "/board"),
        ):
            data = {"username": "anna", "password": PASSWORD, "next": wanted}
            answer = await client.post("/signin", data=data)
            assert (answer.status_code, answer.headers["location"]) == (303, goes_to)


async def test_sign_out(desk: Desk) -> None:
    async with desk.client("anna") as client:
        answer = await client.submit("/board", "/signout", follow=False)
        assert answer.headers["location"] == "/signin"
        assert (await client.get("/board")).status_code == 303


async def test_calm_board(desk: Desk) -> None:
    async with desk.client("zuoxi07") as client:
        page = await client.get("/board")
        assert "一切平静" in words_of(page)
        assert "章贡区值守台" in words_of(page)


async def test_board_is_not_calm_over_a_broken_chain(desk: Desk) -> None:
    desk.centre.health.broker_connected = lambda: False
    async with desk.client("anna") as client:
        said = words_of(await client.get("/board"))
        status = words_of(await client.get("/board/status"))
    assert "All is quiet" not in said
    assert "No connection to the broker" in said
    assert "No connection to the broker" in status


async def test_board_shows_who_what_where(desk: Desk) -> None:
    await desk.press()
    desk.clock.advance(12)
    await desk.press()
    desk.clock.advance(11)
    async with desk.client("zuoxi07") as client:
        zh = await client.get("/board")
    async with desk.client("anna") as client:
        en = words_of(await client.get("/board"))
    for text in ("王桂兰", "83 · 独居", "一键呼救 ×2", "卫生间拉绳", "水东镇 红旗社区 12 栋 302", "0:23", "待接警 1"):
        assert text in words_of(zh), text
    for text in ("Emergency call ×2", "Bathroom pull cord", "lives alone", "To be taken 1"):
        assert text in en, text
    assert 'data-waiting="1"' in zh.text
    assert 'data-sounds="1"' in zh.text


async def test_other_regions_are_out_of_sight(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("jian") as client:
        assert "王桂兰" not in words_of(await client.get("/board"))
        page = await client.get(alarm)
        assert page.status_code == 404
        assert "There is no such alarm in your region." in words_of(page)


async def test_lanes_and_what_sounds(desk: Desk) -> None:
    await desk.press(gateway="gw-3", device="meter", said=BatteryLow())
    async with desk.client("anna") as client:
        page = await client.get("/board/list")
        assert 'data-waiting="0"' in page.text
        assert 'data-sounds="3"' in page.text
        await desk.press(gateway="gw-2", device="band", said=Fall())
        page = await client.get("/board/list")
        assert "May still be taken back 0:30" in words_of(page)
        assert 'data-sounds="3"' in page.text, "what may still be taken back does not sound"
        await desk.forward(31)
        assert 'data-sounds="1"' in (await client.get("/board/list")).text


async def test_drills_and_tests_are_marked(desk: Desk) -> None:
    await desk.press(mode=Mode.EXERCISE)
    async with desk.client("anna") as client:
        assert "DRILL" in words_of(await client.get("/board"))
        assert "DRILL" in words_of(await client.get(await desk.alarm_of()))
    async with desk.client("zuoxi07") as client:
        assert "演练" in words_of(await client.get("/board"))


async def test_late_alarm_says_so(desk: Desk) -> None:
    await desk.send(desk.envelope(HeartRate(value=70)))  # from here the centre knows this home's clock
    await desk.send(desk.envelope(Sos(), ago_s=600))
    async with desk.client("anna") as client:
        assert "Late: reached the centre after 10 min" in words_of(await client.get("/board"))
        page = words_of(await client.get(await desk.alarm_of()))
    assert "Late: it happened 10 min before it reached the centre." in page


async def test_alarm_page_tells_who_where_what(desk: Desk) -> None:
    await desk.send(desk.envelope(HeartRate(value=104), device="band"))
    desk.clock.advance(60)
    await desk.send(desk.envelope(BloodPressure(systolic=150, diastolic=92), device="band"))
    desk.clock.advance(60)
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("zuoxi07") as client:
        page = words_of(await client.get(alarm))
    for text in (
        "王桂兰，83 岁，独居，听力差（请大声）",
        "赣语",
        "房颤 · 抗凝药",
        "过敏：青霉素",
        "104 /min 心率 · 2 分钟前",
        "150/92 mmHg 血压",
        "失能等级 2",
        "02:16:14",  # the site's zone: 18:16:14 UTC
        "原始报文",
        '{"action":"emergency"}',
        "中心收到，开警：一键呼救，卫生间拉绳",
    ):
        assert text in page, text


async def test_keys_and_numbers_are_for_whoever_acts(desk: Desk) -> None:
    await desk.press()
    await desk.forward(16)
    alarm = await desk.alarm_of()
    async with desk.client("anna") as anna, desk.client("zuoxi07") as other:
        before = (await anna.get(alarm)).text
        assert "4711" not in before
        assert "100····2231" in before
        claimed = await anna.submit(alarm, f"{alarm}/claim")
        assert "You have this alarm" in words_of(claimed)
        assert "4711" in claimed.text
        assert "10000002231" in claimed.text
        for path in (alarm, f"{alarm}/live"):
            seen_by_other = (await other.get(path)).text
            assert "4711" not in seen_by_other
            assert "0000002231" not in seen_by_other


async def test_plan_is_live(desk: Desk) -> None:
    await desk.press()
    live = f"{await desk.alarm_of()}/live"
    async with desk.client("anna") as client:
        page = words_of(await client.get(live))
        assert "An operator takes the alarm waiting 0:00" in page
        assert "王芳 starts in 0:15" in page
        assert "陈师傅 after the one before" in page
        await desk.forward(15)
        assert "Daughter 王芳 100····2231 calling" in words_of(await client.get(live))


async def test_second_claim_reads_who_was_first(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as anna, desk.client("zuoxi07") as second:
        form = (await second.get(alarm)).text  # as it stood before Anna took it
        await anna.submit(alarm, f"{alarm}/claim")
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token
        answer = await second.post(f"{alarm}/claim", data={"csrf_token": token[1], "version": "1"})
        assert answer.status_code == 409
        assert "已被 Anna Berg 接警。" in words_of(answer)
        assert answer.headers["hx-push-url"] == alarm
        reloaded = await second.get(f"{alarm}/claim", follow_redirects=True)
        assert reloaded.status_code == 200


async def test_note_and_close(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as client:
        await client.submit(alarm, f"{alarm}/claim")
        page = await client.submit(alarm, f"{alarm}/notes", text="She <b>sits</b> on the floor")
        assert "Note: She <b>sits</b> on the floor" in words_of(page)
        assert "<b>sits</b>" not in page.text, "what people write is never markup"
        done = await client.submit(alarm, f"{alarm}/close", outcome="genuine:fall", note="helped up")
        assert done.url.path == "/board"
        assert "All is quiet" in words_of(done)
        closed = words_of(await client.get(alarm))
        assert "Closed · Genuine: fall · helped up · Anna Berg" in closed
        assert "Take the alarm A" not in closed


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"outcome": "", "note": "typed"}, "Choose an outcome."),
        ({"outcome": "genuine:other", "note": ""}, "This outcome needs a note that says what it was."),
        ({"outcome": "made_up", "note": "typed"}, "Choose an outcome."),
    ],
)
async def test_close_says_what_is_missing_and_keeps_what_was_typed(
    desk: Desk, fields: dict[str, str], says: str
) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as client:
        answer = await client.submit(alarm, f"{alarm}/close", **fields)
    assert answer.status_code == 422
    assert says in words_of(answer)
    assert f">{fields['note']}</textarea>" in answer.text


async def test_nobody_closes_what_he_has_not_seen(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as client:
        await client.submit(alarm, f"{alarm}/claim")
        form = (await client.get(alarm)).text
        await desk.press()
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        version = re.search(r'id="close-version" value="(\d+)"', form)
        assert token
        assert version
        data = {"csrf_token": token[1], "version": version[1], "outcome": "false"}
        answer = await client.post(f"{alarm}/close", data=data)
    assert answer.status_code == 409
    assert "Something new has come in since you looked." in words_of(answer)


async def test_helper_s_way_is_noted(desk: Desk) -> None:
    await desk.press()
    await desk.forward(15)
    alarm = await desk.alarm_of()
    row = (await desk.page()).steps[1].attempts[0]
    assert row.provider_id
    await desk.calls.key_pressed(row.id, row.provider_id, "1")
    await desk.settle_down()
    async with desk.client("anna") as client:
        for stage, says in (("on_the_way", "is on the way"), ("on_site", "is at the door"), ("inside", "is inside")):
            page = words_of(await client.submit(alarm, f"{alarm}/duty", duty=stage))
            assert f"王芳 {says}" in page


@pytest.mark.parametrize("act", ["claim", "notes", "duty", "close"])
async def test_forms_need_their_token(desk: Desk, act: str) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as client:
        answer = await client.post(f"{alarm}/{act}", data={"text": "x", "outcome": "false", "version": "1"})
    assert answer.status_code == 403
    assert "This page was too old." in words_of(answer)
    (row,) = await desk.board()
    assert (row.state, row.version) == ("open", 1)


async def test_viewer_looks_but_does_not_act(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("viewer") as client:
        page = await client.get(alarm)
        assert "王桂兰" in words_of(page)
        assert "/claim" not in page.text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token
        answer = await client.post(f"{alarm}/claim", data={"csrf_token": token[1]})
    assert answer.status_code == 403
    assert "Your account may look, but not act on alarms." in words_of(answer)


async def test_fragments_say_when_the_session_is_over(desk: Desk) -> None:
    async with desk.client() as client:
        assert (await client.get("/board/list", headers={"HX-Request": "true"})).status_code == 401
        boosted = await client.get("/board", headers={"HX-Request": "true", "HX-Boosted": "true"})
        assert boosted.headers["hx-redirect"] == "/signin?next=/board"


async def test_language_and_theme_are_kept(desk: Desk) -> None:
    async with desk.client("anna") as client:
        page = await client.submit("/board", "/language", language="zh-CN")
        assert 'lang="zh-CN"' in page.text
        assert "一切平静" in words_of(page)
        page = await client.submit("/board", "/theme", theme="light")
        assert 'data-theme="light"' in page.text
        page = await client.submit("/board", "/theme", theme="pink")
        assert 'data-theme="light"' in page.text
        assert (await client.post("/language", data={"language": "en"})).status_code == 403
    async with desk.client("anna", **{"Accept-Language": "en"}) as client:
        assert 'lang="zh-CN"' in (await client.get("/board")).text, "the account remembers"
    async with desk.client() as stranger:
        await stranger.post("/language", data={"language": "en"})
        assert "Sign in" in words_of(await stranger.get("/signin"))


async def test_no_inline_script_or_style_anywhere(desk: Desk) -> None:
    await desk.press()
    alarm = await desk.alarm_of()
    async with desk.client("anna") as client:
        for path in ("/signin", "/board", alarm, f"{alarm}/live", "/board/list"):
            page = await client.get(path, follow_redirects=True)
            policy = page.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["x-content-type-options"] == "nosniff"
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text), path
        static = re.search(r'src="(/static/[^"]+main\.js)"', (await client.get("/board")).text)
        assert static
        script = await client.get(static[1])
        assert "immutable" in script.headers["cache-control"]


async def test_every_answer_of_an_unknown_home_is_a_page(desk: Desk) -> None:
    await desk.send(desk.envelope(Sos(), gateway="gw-9", device="button-7"))
    async with desk.client("anna") as client:
        board = words_of(await client.get("/board"))
        assert "Unknown home (gateway gw-9)" in board
        assert "button-7 (unregistered device)" in board
        (row,) = await desk.board()
        assert "Unknown home (gateway gw-9)" in words_of(await client.get(f"/alarms/{row.id}"))
