"""Pictures of the pages for people to look at: build/screenshots/, both languages, both themes, wide and narrow.

What can be checked of a picture without eyes is checked: nothing sticks out, no text is cut off by its box.
"""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from devices.events import Fall, MainsLost
from devices.readings import BloodPressure, HeartRate
from server.notify.channel import CallState
from tests.console.harness import PASSWORD, Desk, Served

FOLDER = Path(__file__).parents[2] / "build" / "screenshots"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

CUT_OFF = """() => [...document.querySelectorAll("button, .pill, .who, .kind, .state, h1:not(.sr), h2:not(.sr)")]
  .filter(e => e.offsetParent && getComputedStyle(e).overflowX === "hidden" && e.scrollWidth > e.clientWidth + 2)
  .map(e => e.textContent.trim())"""


async def busy_night(desk: Desk) -> None:
    """One life alarm waits while her neighbour's telephone rings; one fall is in hand; one home has no mains."""
    await desk.send(
        desk.envelope(HeartRate(value=72), gateway="gw-2", device="band"),
        desk.envelope(HeartRate(value=70), gateway="gw-3", device="meter"),
    )
    await desk.press(gateway="gw-3", device="meter", said=MainsLost())
    await desk.press(gateway="gw-2", device="band", said=Fall())
    await desk.forward(46)
    await desk.claim("anna", next(row.id for row in await desk.board() if row.resident_id == "li"))
    await desk.send(desk.envelope(HeartRate(value=104), device="band"))
    await desk.send(desk.envelope(BloodPressure(systolic=152, diastolic=94), device="band"))
    await desk.forward(90)
    await desk.press()
    await desk.forward(12)
    await desk.press()
    await desk.forward(3)
    await desk.call_says("daughter", CallState.RINGING, 1)
    await desk.forward(3)
    await desk.call_says("daughter", CallState.NO_ANSWER, 2)
    await desk.call_says("neighbour", CallState.RINGING, 1)
    await desk.forward(5)


async def shoot(page: Page, name: str) -> None:
    await page.evaluate("document.fonts.ready")
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{name}: something sticks out"
    assert await page.evaluate(CUT_OFF) == [], f"{name}: text is cut off"
    await page.screenshot(path=FOLDER / f"{name}.png")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("language", "username"), [("zh-CN", "zuoxi07"), ("en", "anna")])
async def test_pictures(
    served: Served, browser: Browser, language: str, username: str, theme: Literal["dark", "light"]
) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    desk, look = served.desk, f"{language}-{theme}"
    context = await browser.new_context(
        viewport=WIDE,  # type: ignore[arg-type]
        locale=language,
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.goto(served.url)
    await shoot(page, f"signin-{look}")
    await page.locator("[name=username]").fill(username)
    await page.locator("[name=password]").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await shoot(page, f"signin-wrong-{look}")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-link", "ok")
    await page.locator("#no-sound").get_by_role("button").click()
    await shoot(page, f"shift-{look}")
    await page.get_by_role("dialog").get_by_role("button").first.click()
    await shoot(page, f"quiet-{look}")

    await busy_night(desk)
    link = page.get_by_role("link", name=re.compile("王桂兰"))
    await expect(link).to_contain_text("0:2")
    await shoot(page, f"board-{look}")
    await link.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("王桂兰")
    await shoot(page, f"alarm-{look}")
    await page.keyboard.press("a")
    await expect(page.get_by_text("4711")).to_be_visible()
    await page.keyboard.press("x")
    await shoot(page, f"taken-{look}")
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await page.keyboard.press("Escape")
    await shoot(page, f"alarm-narrow-{look}")
    await page.keyboard.press("b")
    await expect(page.get_by_role("region").first).to_be_visible()
    await shoot(page, f"board-narrow-{look}")
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    await served.stop()
    await expect(page.get_by_role("alert").first).to_be_visible()
    await shoot(page, f"lost-{look}")
    await context.close()
