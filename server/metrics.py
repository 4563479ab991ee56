"""What /metrics tells. Names follow Prometheus; no label ever holds a person."""

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

RECEIVED = Counter("anhu_messages_received", "Messages from gateways", ["priority"])
REFUSED = Counter("anhu_telemetry_refused", "Telemetry not taken in because too much waits")
COMMITTED = Counter("anhu_events_committed", "Envelopes committed, duplicates included")
QUARANTINED = Counter("anhu_messages_quarantined", "Messages that could not be read")
COMMIT = Histogram("anhu_ingest_commit_seconds", "Time of one ingest transaction", buckets=_BUCKETS)
BOARD_WATCHERS = Gauge("anhu_board_watchers", "Open event streams: browsers that watch the board")
OPEN_ALARMS = Gauge("anhu_open_alarms", "Alarms not closed", ["mode"])
"""Kept by health.py at each scrape."""
