"""`anhu-sim demo`: everything runs, somebody signs in, and an invented old lady presses her button.

The person at the screen is the operator; nothing here claims or closes. Stops all that it started on Ctrl-C.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from simulators import broker, chain, community
from simulators.broker import BrokerKind
from simulators.chain import Chain, Wanted
from simulators.community import PlanTimes
from simulators.home import Home
from simulators.phone.people import Answers, Behaviour, DoesNotAnswer, Key
from simulators.processes import ProcessError

WATCHERS = "anhu_board_watchers"
"""The server's own count of open boards (/metrics)."""

OPEN_ALARMS = "anhu_open_alarms"

LOOK_S = 0.5
NOBODY_S = 40.0
PATIENCE_S = 240.0
FIRST_PRESS_S = 20.0
DAUGHTER_AFTER_S = 15.0
CALM_S = 40.0


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing of the day, told in both languages."""

    zh: str
    en: str
    act: Callable[[Home], Awaitable[object]]


async def _fall_taken_back(home: Home) -> None:
    call = await home.fall_felt_by_wristband()
    await asyncio.sleep(8)
    say("她按了手环上的取消键。", "She presses cancel on the wristband.")
    await home.cancel(call)


FIRST = Happening("王桂兰拉了卫生间的拉绳。", "Wang Guilan pulls the cord in her bathroom.", Home.press_button)
LATER = (
    Happening("手环说电量低。", "The wristband says that its battery is low.", Home.battery_low),
    Happening("王桂兰长按手环求助。", "Wang Guilan holds the key of her wristband.", Home.press_wristband),
    Happening("手环检测到跌倒：先预警倒计时。", "The wristband notices a fall: the countdown runs.", _fall_taken_back),
    Happening("卧室雷达看到有人跌倒。", "The radar in the bedroom sees a fall.", Home.fall_seen_by_radar),
)


def say(zh: str, en: str) -> None:
    """One line in each language."""
    print(f"{zh}\n{_dim(en)}", flush=True)  # noqa: T201


def _dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if sys.stdout.isatty() else text


def _bold(text: str) -> str:
    return f"\x1b[1;36m{text}\x1b[0m" if sys.stdout.isatty() else text


def _behaviour(person_id: str) -> Behaviour:
    if person_id == community.NEIGHBOUR:
        return DoesNotAnswer(does="no_answer")
    return Answers(after_s=6, keys=(Key(press="1", after_s=5),))


def run(broker_kind: str | None, *, once: bool, pace: float) -> int:
    """0 stopped by the person, 1 a part ended by itself, 3 could not start."""
    try:
        return asyncio.run(_demo(broker_kind, once=once, pace=pace))
    except ProcessError as error:
        print(f"anhu-sim: {error}", file=sys.stderr)  # noqa: T201
        return 3


async def _demo(broker_kind: str | None, *, once: bool, pace: float) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    kind = broker.choose(broker_kind)
    say("正在启动……", "Starting …")
    with tempfile.TemporaryDirectory(prefix="anhu-demo-") as folder:
        wanted = Wanted(
            state=Path(folder),
            broker=kind,
            times=PlanTimes(DAUGHTER_AFTER_S / pace, 90 / pace, 45 / pace),
            usual_ports=True,
            behaviours=_behaviour,
        )
        async with contextlib.AsyncExitStack() as stack:
            starting = asyncio.create_task(stack.enter_async_context(chain.started(wanted)))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
                return 0
            running = starting.result()
            _introduce(running)
            story = asyncio.create_task(_story(running, once=once, pace=pace))
            broken = asyncio.create_task(running.processes.broken())
            done, _ = await asyncio.wait({stopping, story, broken}, return_when=asyncio.FIRST_COMPLETED)
            if story in done:  # it goes on for ever, unless a part that it speaks to has ended
                await asyncio.wait({broken}, timeout=2)
                if not broken.done():
                    story.result()
            code = 1 if broken.done() else 0
            if code:
                print(broken.result(), file=sys.stderr)  # noqa: T201
            say("\n正在停止全部进程……", "Stopping everything …")
            for task in (story, broken, stopping):
                task.cancel()
            await asyncio.wait({story, broken, stopping})
    say("已停止，可随时再次运行。", "Stopped. Run it again whenever you like.")
    return code


def _introduce(running: Chain) -> None:
    passwords = running.community.passwords
    lines = [
        "",
        _bold("安呼演示 · Anhu demonstration"),
        "",
        f"  调度台  board       {_bold(running.web_url + '/')}",
        f"  登录    sign in     {_bold('zuoxi01')}  {_bold(passwords['zuoxi01'])}   （中文界面）",
        f"                      zuoxi02  {passwords['zuoxi02']}   (in English)",
        f"  电话    telephones  {running.phone_url}/",
        f"  家中    home        mqtt://127.0.0.1:{running.ports.home}   (mosquitto_pub -p {running.ports.home} …)",
        f"  记录    logs        {running.wanted.state / 'logs'}",
        "",
    ]
    for name, port in running.ports.moved.items():
        usual = chain.USUAL_PORTS[name]
        lines += [f"  端口 {usual} 已被占用，改用 {port}。", _dim(f"  Port {usual} is taken; using {port} instead.")]
    if running.wanted.broker is BrokerKind.AMQTT:
        lines += [
            "  本机没有 mosquitto，改用 amqtt，仅供演示。",
            _dim("  Mosquitto is missing: amqtt stands in, for demonstration only."),
        ]
    print("\n".join(lines), flush=True)  # noqa: T201
    say(
        "请登录。登录约 20 秒后，王桂兰（虚构，83 岁）会按下呼救；按回车键则立即发生。Ctrl-C 结束。",
        "Please sign in. About 20 s later Wang Guilan (invented, aged 83) calls for help; press Enter to have it now. "
        "Ctrl-C stops everything.",
    )


async def _story(running: Chain, *, once: bool, pace: float) -> None:
    async with Home.at("127.0.0.1", running.ports.home) as home, _enter_pressed() as enter:
        await home.ordinary_minute()
        await _first_of(enter, _somebody_watches(running, pace))
        if not enter.is_set():
            say("有人登录了。20 秒后……", "Somebody is watching. In 20 s …")
            await _first_of(enter, asyncio.sleep(FIRST_PRESS_S / pace))
        await _happen(FIRST, home)
        say("15 秒后女儿刘芳的电话会响。", "In 15 s the telephone of her daughter, Liu Fang, will ring.")
        later = iter(() if once else LATER)
        while True:
            enter.clear()
            await _first_of(enter, asyncio.sleep(CALM_S / pace))
            with contextlib.suppress(TimeoutError):  # one that nobody closes does not end the day
                async with asyncio.timeout(PATIENCE_S / pace):
                    await _first_of(enter, _until_metric(running, OPEN_ALARMS, lambda open_: open_ == 0))
            await home.ordinary_minute()
            if enter.is_set():
                await _happen(FIRST, home)
            elif (happening := next(later, None)) is not None:
                await _happen(happening, home)


async def _happen(happening: Happening, home: Home) -> None:
    say(f"\n▶ {happening.zh}", f"  {happening.en}")
    await happening.act(home)


async def _first_of(enter: asyncio.Event, other: Awaitable[object]) -> None:
    tasks = {asyncio.ensure_future(enter.wait()), asyncio.ensure_future(other)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()


async def _somebody_watches(running: Chain, pace: float) -> None:
    """Returns when a board is open; after NOBODY_S at the latest where the server does not count them."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if await _metric(running, WATCHERS) is not None else NOBODY_S / pace):
            await _until_metric(running, WATCHERS, lambda boards: boards > 0)


async def _until_metric(running: Chain, name: str, reached: Callable[[float], bool]) -> None:
    while True:
        value = await _metric(running, name)
        if value is not None and reached(value):
            return
        await asyncio.sleep(LOOK_S)


async def _metric(running: Chain, name: str) -> float | None:
    """The sum of a gauge of the server's /metrics over its labels; None where there is no such gauge."""
    async with httpx.AsyncClient(base_url=running.web_url, trust_env=False) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    values = [float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(values) if values else None


@contextlib.asynccontextmanager
async def _enter_pressed() -> AsyncIterator[asyncio.Event]:
    """Set when the person presses Enter; never where nobody sits at a terminal."""
    pressed = asyncio.Event()
    if not sys.stdin.isatty():
        yield pressed
        return
    loop = asyncio.get_running_loop()

    def read() -> None:
        if sys.stdin.readline():
            pressed.set()
        else:  # closed
            loop.remove_reader(sys.stdin)

    loop.add_reader(sys.stdin, read)
    try:
        yield pressed
    finally:
        loop.remove_reader(sys.stdin)
