"""Whether the disk has room, and what became of telemetry that was refused. Never refuses p0 or p1."""

import shutil
from collections.abc import Callable
from pathlib import Path

import structlog

from devices.events import Fault, Gap, Phase
from devices.registry import Report

log = structlog.get_logger()

_RECOVERED_FACTOR = 1.25
"""Telemetry comes back when a quarter more than the reserve is free, so that the border is not crossed every second."""

REASON = "the gateway's disk is full"


def free_mb(path: Path) -> float:
    """Megabytes that the file system of `path` has left."""
    return shutil.disk_usage(path.parent).free / 1e6


class Room:
    """Keeps the reserve for calls, and the account of what was refused meanwhile."""

    def __init__(self, gateway: str, reserve_mb: float, free: Callable[[], float]) -> None:
        self._gateway = gateway
        self._reserve_mb = reserve_mb
        self._free = free
        self._lost: dict[str, tuple[int, int, int]] = {}  # stream -> first seq, last seq, count
        self.refusing = False
        self._news: list[Report] = []

    def look(self) -> None:
        """Looks at the disk. Says once when telemetry is refused and once when it is taken again."""
        free = self._free()
        if not self.refusing and free < self._reserve_mb:
            self.refuse(f"{free:.0f} MB free, {self._reserve_mb:.0f} MB are kept for calls")
        elif self.refusing and free >= self._reserve_mb * _RECOVERED_FACTOR:
            self.refusing = False
            log.warning("telemetry_taken_again", free_mb=round(free))
            self._news.append(Report(device=self._gateway, said=Fault(phase=Phase.CLEAR, said=REASON)))
            for stream, (first, last, count) in self._lost.items():
                gap = Gap(lost_stream=stream, first_seq=first, last_seq=last, count=count, reason=REASON)
                self._news.append(Report(device=self._gateway, said=gap))
            self._lost.clear()

    def refuse(self, why: str) -> None:
        """No telemetry from now on."""
        if not self.refusing:
            self.refusing = True
            log.error("telemetry_refused", why=why, hint="make room on the disk of store.path; calls are still stored")
            self._news.append(Report(device=self._gateway, said=Fault(said=f"{REASON}: telemetry is not kept")))

    def lost(self, stream: str, seqs: list[int]) -> None:
        """These were not kept."""
        if seqs:
            first, last, count = self._lost.get(stream, (seqs[0], seqs[-1], 0))
            self._lost[stream] = (min(first, seqs[0]), max(last, seqs[-1]), count + len(seqs))

    def news(self) -> list[Report]:
        """What the centre should be told; each once."""
        news, self._news = self._news, []
        return news
