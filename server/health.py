"""/healthz and /metrics. Healthy means that the whole chain is: database, broker, ingest, worker."""

from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from server import metrics
from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.centre import Centre
from server.escalation.attempts import number_busy
from server.escalation.model import Attempt, Escalation
from server.web import CentreDep

router = APIRouter(tags=["operation"])

LATE_S = 30.0
"""A due row older than this is somebody not called."""


@router.get("/healthz", summary="Whether the chain is whole")
async def healthz(centre: CentreDep) -> JSONResponse:
    """200 when every part works, 503 otherwise; each part by name. `voice` may be `not configured`."""
    parts = {
        "database": await _database(centre),
        "broker": "ok" if centre.health.broker_connected() else "not connected",
        "ingest": f"waits for the database: {waits}" if (waits := centre.health.ingest_waits_for) else "ok",
        "escalation": _worker(centre),
        "voice": "ok" if centre.settings.voice else "not configured",
    }
    well = all(state in ("ok", "not configured") for state in parts.values())
    return JSONResponse({"status": "ok" if well else "broken", "parts": parts}, 200 if well else 503)


async def _database(centre: Centre) -> str:
    late = centre.clock.now() - timedelta(seconds=LATE_S)
    try:
        async with centre.db.read() as session:
            steps = await session.scalar(select(func.count()).where(Escalation.due_at < late)) or 0
            calls = select(func.count()).where(Attempt.state == "pending", Attempt.due_at < late, ~number_busy())
            overdue = steps + (await session.scalar(calls) or 0)
    except (SQLAlchemyError, OSError) as error:
        return f"does not answer: {type(error).__name__}"
    return "ok" if not overdue else f"{overdue} steps or calls overdue by more than {LATE_S:g} s"


def _worker(centre: Centre) -> str:
    ticked = centre.health.worker_ticked_at
    if ticked is None:
        return "has not run yet"
    age = (centre.clock.now() - ticked).total_seconds()
    return "ok" if age < LATE_S else f"last ran {age:.0f} s ago"


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def prometheus(centre: CentreDep) -> Response:
    """In Prometheus' text format."""
    async with centre.db.read() as session:
        query = select(Alarm.mode, func.count()).where(Alarm.state != State.CLOSED).group_by(Alarm.mode)
        open_alarms = {row.mode: row[1] for row in await session.execute(query)}
    for mode in ("actual", "test", "exercise"):
        metrics.OPEN_ALARMS.labels(mode).set(open_alarms.get(mode, 0))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
