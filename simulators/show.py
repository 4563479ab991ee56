"""Puts a report into a table for people. Numbers are milliseconds since the press."""

from unicodedata import east_asian_width

from simulators.play import Report
from simulators.scenario import HOPS, Scenario

HEADINGS = ("网关 stored", "中心 centre", "看板 board", "首呼 call", "接单 accepted", "关闭 closed")


def table(report: Report, scenario: Scenario) -> str:
    """The whole report as text."""
    lines = [f"{scenario.title.zh} · {scenario.title.en}", ""]
    lines.append("".join(_right(heading) for heading in ("呼救 call", *HEADINGS)))
    for event in report.events:
        reached = event.as_json()["ms"]
        cells = [f"{event.call.device} {event.call.kind}", *(_ms(reached.get(hop)) for hop in HOPS[1:])]
        lines.append("".join(map(_right, cells)))
    counts = report.counts
    lines.append("")
    lines.append(
        f"按下 pressed {counts.pressed} · 存储 stored {counts.stored} · 入库 committed {counts.committed}"
        f" · 警情 alarms {counts.alarms} · 信号 signals {counts.signals}"
        f" · 丢失 lost {counts.lost} · 重复 duplicated {counts.duplicated}"
    )
    lines.append(f"呼叫 called: {', '.join(report.called) or '–'}")
    lines.append(f"{report.broker}, {report.database}, {report.took_s:.1f} s")
    lines += [f"✗ {problem}" for problem in report.problems]
    lines.append("✓ 通过 passed" if report.passed else "✗ 未通过 failed")
    return "\n".join(lines)


def _right(text: str) -> str:
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return " " * (18 - len(text) - wide) + text


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f} ms" if value >= 0 else "已有 before"  # the alarm that it joined had it already
