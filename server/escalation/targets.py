"""Who a step's targets are, now: methods by which the people on duty can be reached."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.escalation.plan import Step
from server.regions import above
from server.residents.model import Contact, ContactMethod, Responder

OPERATORS = "operators"
"""A target that needs no attempt: the alarm is on every operator's board already."""


@dataclass(frozen=True, slots=True)
class Reach:
    """One way to reach one person."""

    method_id: str
    channel: str
    address: str
    person: str
    relation: str  # relation to the resident, or the responder's role
    language: str


async def reaches(session: AsyncSession, step: Step, resident_id: str | None, region: str | None) -> list[Reach]:
    """Every reachable person of `step`, each method once, in the plan's order."""
    found: dict[str, Reach] = {}
    for target in step.targets:
        if target == OPERATORS:
            continue
        kind, _, which = target.partition(":")
        if kind == "contact":
            people = await _contacts(session, resident_id, which)
        else:
            people = await _responders(session, region, which)
        for reach in people:
            if reach.channel in step.channels:
                found.setdefault(reach.method_id, reach)
    return list(found.values())


async def _contacts(session: AsyncSession, resident_id: str | None, which: str) -> list[Reach]:
    query = (
        select(ContactMethod, Contact.name, Contact.relation, Contact.language)
        .join(Contact, ContactMethod.contact_id == Contact.id)
        .where(Contact.resident_id == resident_id)
        .order_by(Contact.position, ContactMethod.position)
    )
    if which != "all":
        query = query.where(Contact.position == int(which))
    return [
        Reach(method.id, method.channel, method.address, name, relation, language)
        for method, name, relation, language in await session.execute(query)
    ]


async def _responders(session: AsyncSession, region: str | None, role: str) -> list[Reach]:
    """Responders of that role in the resident's region or a region above it, the nearest first."""
    if region is None:
        return []
    query = (
        select(ContactMethod, Responder)
        .join(Responder, ContactMethod.responder_id == Responder.id)
        .where(Responder.role == role, Responder.region.in_(above(region)))
        .order_by(Responder.id, ContactMethod.position)
    )
    rows = sorted(await session.execute(query), key=lambda row: -len(row[1].region))
    return [
        Reach(method.id, method.channel, method.address, responder.name, responder.role, responder.language)
        for method, responder in rows
    ]
