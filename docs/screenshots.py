"""Takes the documentation's pictures: starts the demonstration, signs in as its operators, waits for the press, looks.

Everything in the pictures is invented by anhu-sim.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
_SIGN_IN = re.compile(r"(?P<name>zuoxi0[12])\s+(?P<password>\S+)")
_ADDRESS = re.compile(r"board\s+(?P<address>http://[\d.]+:\d+)/")


@contextmanager
def demonstration() -> Iterator[tuple[str, dict[str, str]]]:
    """A running demo: the console's address, and passwords by account."""
    command = [sys.executable, "-u", "-m", "simulators", "demo", "--once", "--pace", "4"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # noqa: S603
        try:
            assert process.stdout
            address, passwords = "", dict[str, str]()
            for line in process.stdout:
                if found := _ADDRESS.search(line):
                    address = found["address"]
                if found := _SIGN_IN.search(line):
                    passwords[found["name"]] = found["password"]
                if address and len(passwords) == 2:
                    break
            else:
                raise SystemExit("the demonstration did not start")
            yield address, passwords
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=30)


def look(browser: Browser, address: str, name: str, password: str, suffix: str) -> None:
    """Signs in, starts the shift, takes the first alarm, and waits until somebody has accepted."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page.goto(f"{address}/signin")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    expect(page).to_have_url(re.compile(r"/board"))
    page.locator("[data-act=shift]").last.click()
    page.locator("[data-act=heard]").click()
    alarm = page.locator("a[href^='/alarms/']").first
    alarm.wait_for(timeout=60_000)
    alarm.click()
    page.wait_for_url(re.compile(r"/alarms/"))
    page.keyboard.press("a")
    page.get_by_text(re.compile("is asked to go|请其前往|已接单")).first.wait_for(timeout=60_000)
    page.screenshot(path=IMAGES / f"board{suffix}.png")
    page.close()


def main() -> None:
    from tests.support.needs import find_chromium

    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        path = find_chromium()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, suffix in (("zuoxi02", ""), ("zuoxi01", ".zh-CN")):
            with demonstration() as (address, passwords):
                look(browser, address, name, passwords[name], suffix)
        browser.close()
    for picture in sorted(IMAGES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KiB")  # noqa: T201


if __name__ == "__main__":
    main()
