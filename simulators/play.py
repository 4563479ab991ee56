"""Plays a scenario on a started chain and judges what came of it. Takes nothing on trust but what home and API show."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

from simulators import community, record
from simulators.chain import Chain
from simulators.community import Community
from simulators.dispatch import Alarm, Board, Dispatcher, DispatchError
from simulators.home import Home
from simulators.phone.people import Behaviour
from simulators.scenario import (
    Cancel,
    Claim,
    Close,
    Expect,
    FallDown,
    Kill,
    OrdinaryMinute,
    Press,
    Scenario,
    Start,
    Step,
    WaitFor,
    Who,
)

OPERATOR = "zuoxi01"
WHO: dict[Who, str] = {
    "daughter": community.DAUGHTER,
    "neighbour": community.NEIGHBOUR,
    "grid_worker": community.GRID_WORKER,
}


def behaviour_of(scenario: Scenario, person_id: str) -> Behaviour:
    """What a contact or responder of the community does when it rings."""
    who = next((who for who, id_ in WHO.items() if id_ == person_id), None)
    return scenario.behaviour(who or "neighbour")


@dataclass(slots=True)
class Report:
    """What `anhu-sim run` prints."""

    scenario: str
    broker: str
    database: str
    took_s: float
    counts: record.Counts
    events: list[record.Event]
    alarms: list[Alarm]
    called: list[str]
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "broker": self.broker,
            "database": self.database,
            "verdict": "passed" if self.passed else "failed",
            "problems": self.problems,
            "counts": asdict(self.counts),
            "called": self.called,
            "events": [event.as_json() for event in self.events],
            "alarms": [_summary(alarm) for alarm in self.alarms],
            "took_s": round(self.took_s, 2),
        }


class Player:
    """One scenario on one chain."""

    def __init__(self, chain: Chain, home: Home, desk: Dispatcher) -> None:
        self.chain = chain
        self.home = home
        self.desk = desk

    async def step(self, step: Step) -> None:
        """Does one step. Raises TimeoutError or DispatchError when it cannot be done."""
        match step:
            case Press():
                for _ in range(step.times):
                    await (self.home.press_button() if step.device == "button" else self.home.press_wristband())
            case FallDown():
                by_wristband = step.seen_by == "wristband"
                await (self.home.fall_felt_by_wristband() if by_wristband else self.home.fall_seen_by_radar())
            case Cancel():
                await self.home.cancel(next(call for call in reversed(self.home.calls) if call.names_itself))
            case OrdinaryMinute():
                await self.home.ordinary_minute()
            case Kill():
                await self.chain.kill(step.what)
            case Start():
                await self.chain.start(step.what)
            case Claim():
                await self.desk.claim(await self._alarm())
                await self.desk.refresh()
            case Close():
                await self.desk.close(await self._alarm(), step.outcome, step.note)
                await self.desk.refresh()
            case WaitFor():
                await self._wait(step)

    async def _alarm(self) -> Alarm:
        """The latest, as it is now: nobody acts on what they have not seen."""
        await self.desk.refresh()
        alarms = record.resident_alarms(self.desk.board)
        if not alarms:
            raise DispatchError("there is no alarm on the board")
        return max(alarms, key=lambda alarm: int(alarm["number"]))

    async def _wait(self, step: WaitFor) -> None:
        if step.hop in ("gateway_stored", "centre_committed"):
            await self.home.until(lambda: self._all_made(step.hop), step.within_s)
            return
        await self.desk.until(lambda board: self._seen(step, board), step.within_s)

    def _seen(self, step: WaitFor, board: Board) -> bool:
        if step.hop is not None:
            return self._all_made(step.hop)
        if step.state is not None:
            return any(alarm["state"] == step.state for alarm in record.resident_alarms(board))
        alarms = board.alarms.values()
        return record.silences(alarms) > 0 if step.silence == "noticed" else record.silence_is_over(alarms)

    def _all_made(self, hop: str | None) -> bool:
        calls = [call for call in self.home.calls if call.kind in record.RAISES]
        return bool(calls) and all(hop in event.at for event in record.events(calls, self.desk.board))


@contextlib.asynccontextmanager
async def at_work(chain: Chain) -> AsyncIterator[Player]:
    """A home with devices, and an operator signed in, on a started chain."""
    password = chain.community.passwords[OPERATOR]
    async with (
        Home.at("127.0.0.1", chain.ports.home, resend_s=1.0) as home,
        Dispatcher.at(chain.web_url, OPERATOR, password) as desk,
    ):
        yield Player(chain, home, desk)


async def play(name: str, scenario: Scenario, chain: Chain) -> Report:
    """All steps, then the verdict. A step that cannot be done ends the story, and the report says where."""
    began = time.monotonic()
    problems: list[str] = []
    async with at_work(chain) as player:
        for number, step in enumerate(scenario.steps, 1):
            try:
                await player.step(step)
            except TimeoutError:
                problems.append(f"step {number} ({step.do}): did not come within {getattr(step, 'within_s', 10)} s")
                break
            except DispatchError as error:
                problems.append(f"step {number} ({step.do}): {error}")
                break
        with contextlib.suppress(TimeoutError):  # what is still missing then is told by the verdict
            await player.home.until(lambda: all("centre" in call.heard_at for call in player.home.calls), 5)
        await player.desk.refresh("all")
        board, calls = player.desk.board, player.home.calls
    report = Report(
        scenario=name,
        broker=chain.wanted.broker.value,
        database="sqlite" if chain.wanted.database == "sqlite" else "postgresql",
        took_s=time.monotonic() - began,
        counts=record.count(calls, board),
        events=record.events(calls, board),
        alarms=sorted(board.alarms.values(), key=lambda alarm: int(alarm["number"])),
        called=_called(await chain.calls(), chain.community),
    )
    report.problems = problems + list(_problems(report, scenario.expect))
    return report


def _called(calls: list[dict[str, Any]], people: Community) -> list[str]:
    """Who was called, in the order of their first call: the telephone network's own account of it."""
    by_number = {person.phone: id_ for id_, person in people.people.items()}
    names = {id_: who for who, id_ in WHO.items()}
    ids = (by_number.get(call["to"], call["to"]) for call in sorted(calls, key=lambda call: str(call["placed_at"])))
    return list(dict.fromkeys(names.get(id_, id_) for id_ in ids))


def _problems(report: Report, expect: Expect) -> list[str]:
    found: list[str] = []
    counts = report.counts
    if counts.lost:
        found.append(f"{counts.lost} of {counts.pressed} presses were lost")
    if counts.duplicated:
        found.append(f"{counts.duplicated} signals more than presses")
    for event in report.events:
        who = f"{event.call.kind} of {event.call.device}"
        hops = expect.hops if event.call.kind in record.RAISES else ("gateway_stored", "centre_committed")
        found += [f"{who}: never {hop}" for hop in hops if hop not in event.at]
        found += [f"{who}: {hop}, which must not happen" for hop in expect.never if hop in event.at]
    for what, expected, seen in (
        ("alarms", expect.alarms, len(report.alarms)),
        ("silences told", expect.silences, record.silences(report.alarms)),
    ):
        if expected != seen:
            found.append(f"{what}: {seen}, expected {expected}")
    if expect.called is not None and list(expect.called) != report.called:
        found.append(f"called: {report.called}, expected {list(expect.called)}")
    for alarm in report.alarms:
        found += _alarm_problems(alarm, expect)
    return found


def _alarm_problems(alarm: Alarm, expect: Expect) -> list[str]:
    found = []
    if alarm["state"] != expect.state:
        found.append(f"alarm {alarm['number']}: {alarm['state']}, expected {expect.state}")
    if expect.outcome is not None and alarm["outcome"] != expect.outcome:
        found.append(f"alarm {alarm['number']}: outcome {alarm['outcome']}, expected {expect.outcome}")
    accepted = [attempt for attempt in alarm["attempts"] if attempt["state"] == "accepted"]
    if expect.accepted_by and [attempt["relation"] for attempt in accepted] != [expect.accepted_by]:
        relations = [attempt["relation"] for attempt in accepted]
        found.append(f"alarm {alarm['number']}: accepted by {relations}, expected {expect.accepted_by}")
    return found


def _summary(alarm: Alarm) -> dict[str, Any]:
    kept = (
        "number",
        "state",
        "kind",
        "mode",
        "subject",
        "opened_at",
        "claimed_at",
        "accepted_at",
        "closed_at",
        "outcome",
    )
    attempts = ("ladder", "relation", "channel", "state", "result", "placed_at", "ended_at")
    return {
        **{key: alarm[key] for key in kept},
        "attempts": [{key: attempt[key] for key in attempts} for attempt in alarm["attempts"]],
    }
