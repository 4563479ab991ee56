"""The benchmark runs and fills its table; how fast is for a person to judge, on an idle machine."""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.support import needs

ROOT = Path(__file__).resolve().parents[2]


async def test_the_table_has_every_hop_and_every_limit(tmp_path: Path) -> None:
    needs.mosquitto()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks", "--presses", "3", "--calls", "2",
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    rows = json.loads((tmp_path / "build" / "bench.json").read_text())["rows"]
    assert len(rows) == 8
    for title, row in rows.items():
        assert title in out.decode()
        assert 0 < row["p50"] <= row["p95"] <= row["p99"] <= row["max"]
