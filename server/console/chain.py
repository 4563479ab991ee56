"""Whether alarms can reach this board at all. A calm board over a broken chain would be the worst lie."""

from datetime import datetime, timedelta

from server.centre import Centre
from server.console.words import N_

WORKER_SILENT = timedelta(seconds=30)


def problems(centre: Centre, now: datetime) -> list[str]:
    """What is broken, as message ids; empty when the chain is whole."""
    found: list[str] = []
    if not centre.health.broker_connected():
        found.append(N_("No connection to the broker: alarms from homes do not arrive"))
    ticked = centre.health.worker_ticked_at
    if ticked is None or now - ticked > WORKER_SILENT:
        found.append(N_("Escalation stands still: nobody is being called"))
    if centre.settings.voice is None:
        found.append(N_("No telephone is configured: nobody is being called"))
    return found
