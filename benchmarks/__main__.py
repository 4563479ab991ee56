"""`python -m benchmarks`: starts the real chain, measures, prints one table, writes build/bench.json."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import limits, press
from simulators import broker, record
from simulators.processes import ProcessError
from simulators.scenario import Hop

RESULT = Path("build/bench.json")
TITLES: dict[Hop, str] = {
    "gateway_stored": "press → the home hears: the box has it",
    "centre_committed": "press → the home hears: the centre has it",
    "on_board": "press → on the board (doorbell received, board fetched)",
    "first_call_placed": "press → first call placed (plan: at once)",
}


def percentiles(taken: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the worst, in milliseconds."""
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(taken), "n": len(taken)}


def hops(events: list[record.Event], *wanted: Hop) -> dict[str, dict[str, float]]:
    """Percentiles of each wanted hop."""
    return {TITLES[hop]: percentiles([(e.at[hop] - e.at["pressed"]) * 1000 for e in events]) for hop in wanted}


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """All rows of the table."""
    rows: dict[str, dict[str, float]] = {}
    for part, name, calls_at_once in ((options.presses, "board", False), (options.calls, "calls", True)):
        want = press.wanted(folder / name, options.database, options.broker, calls_at_once=calls_at_once)
        events = await press.presses(want, part, "first_call_placed" if calls_at_once else "on_board")
        seen = ("first_call_placed",) if calls_at_once else ("gateway_stored", "centre_committed", "on_board")
        rows |= hops(events, *seen)
    through = await limits.through_broker(folder, broker.choose(options.broker), options.presses)
    rows |= {
        "bare: through the broker (QoS 1)": percentiles(through),
        "bare: one synced commit (SQLite, WAL, FULL)": percentiles(limits.sqlite_commit(folder, options.presses)),
        "bare: envelope → typed event": percentiles(limits.envelope_decode(options.presses)),
        "bare: three Zigbee messages → one event": percentiles(limits.device_decode(options.presses)),
    }
    return rows


def table(rows: dict[str, dict[str, float]]) -> str:
    """Aligned columns, milliseconds."""
    width = max(map(len, rows))
    lines = [f"{'milliseconds':{width}} {'n':>5} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9}"]
    for title, row in rows.items():
        figures = " ".join(f"{row[name]:9.3f}" for name in ("p50", "p95", "p99", "max"))
        lines.append(f"{title:{width}} {row['n']:5.0f} {figures}")
    return "\n".join(lines)


def main() -> int:
    """0 measured, 3 something could not start."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--presses", type=int, default=200, help="followed to the board (default 200)")
    parser.add_argument("--calls", type=int, default=50, help="followed to the first call (default 50)")
    parser.add_argument("--database", default="sqlite", help="sqlite, or the address of an empty PostgreSQL database")
    parser.add_argument("--broker", choices=list(broker.BrokerKind), help="default: mosquitto where it is installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anhu-bench-") as folder:
        try:
            rows = asyncio.run(measure(options, Path(folder)))
        except ProcessError as error:
            print(error, file=sys.stderr)
            return 3
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    print(f"{machine}; {options.database.partition(':')[0]}, {broker.choose(options.broker)}\n\n{table(rows)}")
    RESULT.parent.mkdir(exist_ok=True)
    result = {"at": datetime.now(UTC).isoformat(), "machine": machine, "unit": "ms", "rows": rows}
    RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"\n{RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
