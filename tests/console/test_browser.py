"""An operator's night in a real browser: found by role and label, as a person or a screen reader finds things."""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from devices.events import BatteryLow, Fall
from server.console import live
from tests.console.harness import PASSWORD, Desk, Served

WIDE = {"width": 1440, "height": 900}


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of its own; whatever it reports as an error fails the test."""
    it = await browser.new_context(viewport=WIDE, locale="en-GB")  # type: ignore[arg-type]
    yield it
    await it.close()


async def open_desk(
    context: BrowserContext, served: Served, username: str = "anna", *, zh: bool = False, scripts: bool = True
) -> Page:
    """Signed in, on the board, connected."""
    page = await context.new_page()
    await page.goto(served.url)
    await page.get_by_label("用户名" if zh else "User name").fill(username)
    await page.get_by_label("密码" if zh else "Password").fill(PASSWORD)
    await page.get_by_role("button", name="登录" if zh else "Sign in").click()
    await expect(page).to_have_url(f"{served.url}/board")
    if scripts:
        await expect(page.locator("html")).to_have_attribute("data-link", "ok")
    return page


async def start_shift(page: Page) -> None:
    """The gesture that lets the page sound."""
    await page.get_by_role("button", name="Start shift").click()
    dialog = page.get_by_role("dialog", name="Start shift")
    await expect(dialog).to_contain_text("Did you hear it?")
    await dialog.get_by_role("button", name="Yes, I heard it").click()
    await expect(dialog).to_be_hidden()


async def expect_sound(page: Page, what: str) -> None:
    """What is playing: none, 1, 2, 3 or lost."""
    await expect(page.locator("html")).to_have_attribute("data-sounding", what)


async def test_wrong_sign_in_then_right(served: Served, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(f"{served.url}/board")
    await page.get_by_label("User name").fill("anna")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("The user name or the password is not right.")
    await expect(page.get_by_label("User name")).to_have_value("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("All is quiet")).to_be_visible()
    await page.get_by_text("Anna Berg").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_press_to_close(served: Served, context: BrowserContext) -> None:
    """The whole of it: a press appears and sounds, is taken with one key, noted, and closed with an outcome."""
    desk = served.desk
    complaints: list[str] = []
    page = await open_desk(context, served)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await expect(page).to_have_title("Board · Anhu")
    await start_shift(page)
    await expect_sound(page, "none")

    await desk.press()
    card = page.get_by_role("region", name="To be taken").get_by_role("link", name=re.compile("王桂兰.*Emergency call"))
    await expect(card).to_be_visible()
    await expect(page).to_have_title("(1) Board · Anhu")
    await expect_sound(page, "1")
    await card.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("王桂兰, 83 years old, lives alone")
    await expect(page).to_have_title(re.compile(r"^\(1\) 王桂兰"))
    await expect_sound(page, "1")

    await desk.forward(15)
    plan = page.get_by_role("main").get_by_role("listitem").filter(has_text="王芳")
    await expect(plan).to_contain_text("calling")
    await page.keyboard.press("a")
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await expect_sound(page, "none")
    await expect(page).to_have_title(re.compile(r"^王桂兰"))
    await expect(page.get_by_text("4711")).to_be_visible()

    note = page.get_by_label("Note")
    await page.keyboard.press("n")
    await note.press_sequentially("a neighbour is")  # an `a` in a text takes no alarm
    await desk.press()
    await expect(page.get_by_role("list", name="Timeline")).to_contain_text("Again, joined this alarm")
    await expect(note).to_have_value("a neighbour is")
    await note.press_sequentially(" with her")
    await page.get_by_role("button", name="Write it down").click()
    await expect(page.get_by_role("list", name="Timeline")).to_contain_text("Note: a neighbour is with her")

    await page.keyboard.press("x")
    outcome = page.get_by_label("Outcome")
    await expect(outcome).to_be_focused()
    await outcome.select_option("Genuine: other (say what)")
    await page.get_by_role("button", name="Close the alarm", exact=True).click()
    await expect(page.get_by_role("alert").first).to_have_text("This outcome needs a note that says what it was.")
    await page.get_by_label("What was it, what was done").fill("Locked in; neighbour opened")
    await page.get_by_role("button", name="Close the alarm", exact=True).click()
    await expect(page.get_by_text("All is quiet")).to_be_visible()
    assert not await desk.board()
    assert [text for text in complaints if "409" not in text and "422" not in text] == []


async def test_second_operator_reads_who_has_it(served: Served, context: BrowserContext, browser: Browser) -> None:
    await served.desk.press()
    mine = await open_desk(context, served)
    other_context = await browser.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
    other = await open_desk(other_context, served, "zuoxi07", zh=True)
    for page in (mine, other):
        await page.get_by_role("link", name=re.compile("王桂兰")).click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    # What the second still has on the screen when he reaches for the key: the page as it was before.
    await other.route("**/live", lambda route: route.abort())
    await mine.get_by_role("button", name="Take the alarm").click()
    await expect(mine.get_by_text("You have this alarm")).to_be_visible()
    await other.keyboard.press("a")
    await expect(other.get_by_role("alert")).to_have_text("已被 Anna Berg 接警。")
    await expect(other.get_by_text("4711")).to_be_hidden()
    await expect(other).to_have_url(mine.url)
    await other_context.close()


async def test_take_from_the_board_by_key(served: Served, context: BrowserContext) -> None:
    await served.desk.press(gateway="gw-3", device="meter", said=BatteryLow())
    await served.desk.press()
    page = await open_desk(context, served)
    await expect(page.get_by_role("link", name=re.compile("王桂兰"))).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("王桂兰")
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await page.keyboard.press("b")
    await expect(
        page.get_by_role("region", name="In hand").get_by_role("link", name=re.compile("王桂兰"))
    ).to_be_visible()


async def test_each_priority_has_its_sound(served: Served, context: BrowserContext) -> None:
    desk = served.desk
    page = await open_desk(context, served)
    await start_shift(page)
    await desk.press(gateway="gw-3", device="meter", said=BatteryLow())
    await expect_sound(page, "3")
    await desk.press(gateway="gw-2", device="band", said=Fall())
    await expect(page.get_by_text("May still be taken back")).to_be_visible()
    await expect_sound(page, "3")
    await desk.forward(31)
    await expect_sound(page, "1")


async def test_no_sound_before_the_shift_is_shouted(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    await expect(page.get_by_text("Alarms make no sound here yet.")).to_be_visible()
    await page.get_by_role("button", name="Start shift").click()
    dialog = page.get_by_role("dialog", name="Start shift")
    await dialog.get_by_role("button", name="No, play it again").click()
    await expect(dialog).to_contain_text("Check the volume")
    await dialog.get_by_role("button", name="Yes, I heard it").click()
    await expect(page.get_by_text("Alarms make no sound here yet.")).to_be_hidden()


async def test_hidden_tab_still_sounds(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    await start_shift(page)
    # As the browser does it when another tab is in front, or the window is minimised.
    await page.evaluate(
        """() => {
          for (const [name, value] of [["hidden", true], ["visibilityState", "hidden"]])
            Object.defineProperty(document, name, { get: () => value });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    in_front = await context.new_page()
    await in_front.goto("about:blank")
    await in_front.bring_to_front()
    await served.desk.press()
    await expect_sound(page, "1")
    await expect(page).to_have_title("(1) Board · Anhu")


async def test_lost_connection_is_shouted_and_caught_up(served: Served, context: BrowserContext) -> None:
    desk = served.desk
    page = await open_desk(context, served)
    await start_shift(page)
    await served.stop()
    lost = page.get_by_role("alert").filter(has_text="Connection lost.")
    await expect(lost).to_be_visible()
    await expect_sound(page, "lost")
    await desk.press()  # what happens meanwhile is not missed
    await served.start()
    await expect(lost).to_be_hidden(timeout=20_000)
    await expect(page.get_by_role("link", name=re.compile("王桂兰"))).to_be_visible()
    await expect_sound(page, "1")


async def test_a_session_that_ends_is_shouted(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    second = await context.new_page()
    await second.goto(f"{served.url}/board")
    await second.get_by_text("Anna Berg").click()
    await second.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("alert").filter(has_text="You are signed out.")).to_be_visible()


async def test_keys_are_shown(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Take the alarm")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


async def test_language_and_theme_switch(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    await page.get_by_text("Anna Berg").click()
    await page.get_by_role("button", name="中文").click()
    await expect(page.get_by_text("一切平静")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await page.get_by_text("Anna Berg").click()
    await page.get_by_role("button", name="浅色").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert await page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") == "rgb(242, 245, 247)"


async def test_works_on_a_telephone(served: Served, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    await served.desk.press()
    page = await open_desk(context, served)
    for _ in range(2):
        assert await page.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"
        await page.get_by_role("link", name=re.compile("王桂兰")).first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("王桂兰")
    take = page.get_by_role("button", name="Take the alarm")
    await expect(take).to_be_in_viewport()
    await take.click()
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await context.close()


async def test_works_without_scripts(served: Served, browser: Browser) -> None:
    await served.desk.press()
    context = await browser.new_context(viewport=WIDE, locale="en-GB", java_script_enabled=False)  # type: ignore[arg-type]
    page = await open_desk(context, served, scripts=False)
    await page.get_by_role("link", name=re.compile("王桂兰")).click()
    await page.get_by_role("button", name="Take the alarm").click()
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await page.get_by_text("Close the alarm…").click()
    await page.get_by_label("Outcome").select_option("Assistance given")
    await page.get_by_role("button", name="Close the alarm", exact=True).click()
    await expect(page.get_by_text("All is quiet")).to_be_visible()
    await context.close()


async def desk_state(desk: Desk) -> list[str]:
    """Where the open alarms are."""
    return [row.state for row in await desk.board()]


async def test_back_and_forth_keeps_the_board_alive(served: Served, context: BrowserContext) -> None:
    """Links are swapped in place, so that sound and stream live on; the browser's own buttons work all the same."""
    desk = served.desk
    page = await open_desk(context, served)
    await start_shift(page)
    await desk.press()
    await page.get_by_role("link", name=re.compile("王桂兰")).click()
    await expect(page.get_by_role("button", name="Take the alarm")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("region", name="To be taken")).to_be_visible()
    await page.go_forward()
    await page.get_by_role("button", name="Take the alarm").click()
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await expect_sound(page, "none")
    assert await desk_state(desk) == ["claimed"]
    await page.reload()
    await desk.press(gateway="gw-2", device="band", said=Fall())
    await desk.forward(31)
    await expect(page.get_by_role("link", name=re.compile("李德全"))).to_be_visible()


async def test_a_page_that_is_not_what_its_address_says_is_fetched_again(
    served: Served, context: BrowserContext
) -> None:
    page = await open_desk(context, served)
    await served.desk.press()
    await page.get_by_role("link", name=re.compile("王桂兰")).click()
    await expect(page.get_by_role("button", name="Take the alarm")).to_be_visible()
    await page.evaluate("history.pushState({}, '', '/board')")
    await expect(page.get_by_role("button", name="Take the alarm")).to_have_count(0)
    await expect(page.get_by_role("link", name=re.compile("王桂兰"))).to_be_visible()


async def test_a_silent_line_is_a_lost_line(
    served: Served, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open and saying nothing: no error ever comes, only the heartbeat is missing."""
    monkeypatch.setattr(live, "HEARTBEAT_S", 3600.0)
    await context.clock.install()
    page = await open_desk(context, served)
    await start_shift(page)
    await page.route("**/api/v1/stream", lambda route: route.abort())
    await page.clock.fast_forward(60_000)
    await expect(page.get_by_role("alert").filter(has_text="Connection lost.")).to_be_visible()
    await expect_sound(page, "lost")


async def test_the_clock_does_not_jump_back_when_a_heartbeat_shows_an_old_queue(
    served: Served, context: BrowserContext
) -> None:
    page = await open_desk(context, served)
    await served.desk.press()
    await expect(page.get_by_role("link", name=re.compile("王桂兰"))).to_be_visible()
    before, after = await page.evaluate("""() => {
      const clock = document.querySelector('[data-clock]');
      const lanes = document.querySelector('#queue .lanes');
      const before = clock.textContent;
      lanes.dataset.now = new Date(Date.parse(lanes.dataset.now) - 600000).toISOString();
      document.dispatchEvent(new CustomEvent('htmx:afterSwap', {detail: {}}));
      return [before, clock.textContent];
    }""")
    moments = [datetime.strptime(text, "%H:%M:%S") for text in (before, after)]  # noqa: DTZ007  # only their distance
    assert abs((moments[1] - moments[0]).total_seconds()) < 60


async def test_a_board_that_could_not_be_fetched_says_so_and_is_fetched_again(
    served: Served, context: BrowserContext
) -> None:
    page = await open_desk(context, served)
    failed = 0

    async def fail_once(route: Route) -> None:
        nonlocal failed
        failed += 1
        if failed == 1:
            await route.fulfill(status=500, body="")
        else:
            await route.fallback()

    await page.route("**/board/list*", fail_once)
    await served.desk.press()
    await expect(page.get_by_role("alert").filter(has_text="Connection lost.")).to_be_visible()
    await expect(page.get_by_role("link", name=re.compile("王桂兰"))).to_be_visible()
    await expect(page.get_by_role("alert").filter(has_text="Connection lost.")).to_be_hidden()


async def test_a_refused_click_leaves_the_board_alive(served: Served, context: BrowserContext) -> None:
    page = await open_desk(context, served)
    await served.desk.press()
    await page.get_by_role("link", name=re.compile("王桂兰")).click()
    take = page.get_by_role("button", name="Take the alarm")
    await expect(take).to_be_visible()
    await page.route("**/claim", lambda route: route.fulfill(status=500, body=""))
    await take.click()
    await page.unroute("**/claim")
    await served.desk.press(gateway="gw-2", device="band")
    await expect(page.get_by_role("link", name=re.compile("李德全"))).to_be_visible()


async def test_a_call_after_the_claim_sounds_until_its_operator_has_seen_it(
    served: Served, context: BrowserContext
) -> None:
    page = await open_desk(context, served)
    await start_shift(page)
    await served.desk.press()
    await page.get_by_role("link", name=re.compile("王桂兰")).click()
    await page.keyboard.press("a")
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await expect_sound(page, "none")
    await served.desk.forward(5)
    await served.desk.press()
    seen = page.get_by_role("button", name="Called again: I see it")
    await expect(seen).to_be_visible()
    await expect_sound(page, "1")
    await served.desk.forward(5)
    await seen.click()
    await expect(page.get_by_text("You have this alarm")).to_be_visible()
    await expect_sound(page, "none")
