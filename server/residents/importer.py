"""Imports a community document: all of it in one transaction, or none. Importing again changes what is there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from server.accounts.model import Account
from server.accounts.passwords import hash_password
from server.db import Database
from server.errors import ImportFileError
from server.escalation.model import Attempt, PlanRow
from server.homes.broker_accounts import hash_key
from server.homes.model import Device, Gateway
from server.residents.community import Community, ResidentEntry
from server.residents.model import Contact, ContactMethod, Region, Resident, Responder


def parse_community(text: str) -> Community:
    """YAML (or JSON, which is YAML). Raises ImportFileError with a line per mistake."""
    try:
        return Community.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ImportFileError(f"not YAML: {error}") from error
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors())
        raise ImportFileError("\n".join(lines)) from error


@dataclass(slots=True)
class Hashed:
    """What is slow to compute, done before the transaction begins."""

    passwords: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def hash_secrets(community: Community) -> Hashed:
    """Argon2 for accounts, the broker's own form for gateways. Blocks: call it in a thread where a loop runs."""
    return Hashed(
        {a.username: hash_password(a.password.get_secret_value()) for a in community.accounts},
        {g.id: hash_key(g.key.get_secret_value()) for g in community.gateways if g.key},
    )


async def import_community(db: Database, community: Community, hashed: Hashed, dry_run: bool = False) -> dict[str, int]:
    """Counts by list. Raises ImportFileError naming what refers to something unknown."""
    async with db.write() as session:
        await _check(session, community)
        for region in sorted(community.regions, key=lambda r: r.path):
            await session.merge(Region(path=region.path, name=dict(region.name)))
        await session.flush()
        await _accounts(session, community, hashed)
        for resident in community.residents:
            await _resident(session, resident)
        for responder in community.responders:
            values = responder.model_dump(exclude={"phones"})
            await session.merge(Responder(**values))
            await session.flush()
            await _methods(session, None, responder.id, responder.phones)
        for gateway in community.gateways:
            row = await session.get(Gateway, gateway.id) or Gateway(id=gateway.id)
            row.region, row.resident_id = gateway.region, gateway.resident
            row.key_hash = hashed.keys.get(gateway.id, row.key_hash or "")
            session.add(row)
        await session.flush()
        for device in community.devices:
            values = device.model_dump(exclude={"gateway", "resident"})
            await session.merge(
                Device(gateway_id=device.gateway, resident_id=device.resident, registered=True, **values)
            )
        for plan in community.plans:
            document = plan.model_dump(mode="json")
            await session.merge(
                PlanRow(
                    id=plan.id,
                    region=plan.region,
                    resident_id=plan.resident,
                    category=plan.category,
                    document=document,
                )
            )
        if dry_run:
            await session.rollback()
    return {name: len(getattr(community, name)) for name in Community.model_fields}


async def _check(session: AsyncSession, community: Community) -> None:
    """Everything that is referred to exists, nobody's contact is taken away; one line per mistake."""
    regions = set(await session.scalars(select(Region.path))) | {r.path for r in community.regions}
    residents = set(await session.scalars(select(Resident.id))) | {r.id for r in community.residents}
    gateways = set(await session.scalars(select(Gateway.id))) | {g.id for g in community.gateways}
    contacts = await session.execute(select(Contact.id, Contact.resident_id))
    owners = {row.id: row.resident_id for row in contacts}
    mistakes: list[str] = []

    def known(where: str, what: str, value: str | None, there: Iterable[str]) -> None:
        if value is not None and value not in there:
            mistakes.append(f"{where}: there is no {what} {value!r}")

    for region in community.regions:
        parent = region.path.rpartition("/")[0]
        known(f"regions {region.path}", "region above", parent or None, regions)
    for name in ("accounts", "residents", "responders", "gateways", "plans"):
        for i, entry in enumerate(getattr(community, name)):
            known(f"{name}.{i}.region", "region", entry.region, regions)
    for name in ("gateways", "devices", "plans"):
        for i, entry in enumerate(getattr(community, name)):
            known(f"{name}.{i}.resident", "resident", entry.resident, residents)
    for i, device in enumerate(community.devices):
        known(f"devices.{i}.gateway", "gateway", device.gateway, gateways)
    for i, resident in enumerate(community.residents):
        for j, contact in enumerate(resident.contacts):
            if owners.get(contact.id, resident.id) != resident.id:
                owner = f"already a contact of resident {owners[contact.id]!r}: give this one another id"
                mistakes.append(f"residents.{i}.contacts.{j}.id: {contact.id!r} is {owner}")
    if mistakes:
        raise ImportFileError("\n".join(mistakes))


async def _accounts(session: AsyncSession, community: Community, hashed: Hashed) -> None:
    existing = {account.username: account for account in await session.scalars(select(Account))}
    for entry in community.accounts:
        account = existing.get(entry.username) or Account(id=uuid7(), username=entry.username)
        account.display_name, account.role = entry.display_name, entry.role
        account.region, account.language = entry.region, entry.language
        account.password_hash = hashed.passwords[entry.username]
        session.add(account)


async def _resident(session: AsyncSession, entry: ResidentEntry) -> None:
    await session.merge(Resident(**entry.model_dump(exclude={"contacts"})))
    await session.flush()
    for position, contact in enumerate(entry.contacts, start=1):
        values = contact.model_dump(exclude={"phones"})
        await session.merge(Contact(resident_id=entry.id, position=position, **values))
        await session.flush()
        await _methods(session, contact.id, None, contact.phones)
    kept = [contact.id for contact in entry.contacts]
    gone = select(Contact.id).where(Contact.resident_id == entry.id, Contact.id.not_in(kept))
    await _forget(session, list(await session.scalars(gone)))


async def _methods(session: AsyncSession, contact: str | None, responder: str | None, phones: list[str]) -> None:
    person = contact or responder
    kind = "c" if contact else "r"  # a contact and a responder may have the same id, up to 64 characters of 80
    ids = {f"{kind}:{person}:voice:{position}": phone for position, phone in enumerate(phones, start=1)}
    for position, (method, phone) in enumerate(ids.items(), start=1):
        await session.merge(
            ContactMethod(
                id=method,
                contact_id=contact,
                responder_id=responder,
                position=position,
                channel="voice",
                address=phone,
            )
        )
    column = ContactMethod.contact_id if contact else ContactMethod.responder_id
    superfluous = select(ContactMethod.id).where(column == person, ContactMethod.id.not_in(ids))
    await _delete_methods(session, list(await session.scalars(superfluous)))


async def _forget(session: AsyncSession, contacts: list[str]) -> None:
    """A contact that is no longer in the document is called no more; the log of past calls stays."""
    methods = select(ContactMethod.id).where(ContactMethod.contact_id.in_(contacts))
    await _delete_methods(session, list(await session.scalars(methods)))
    with_methods = select(ContactMethod.contact_id).where(ContactMethod.contact_id.in_(contacts))
    still = set(await session.scalars(with_methods))
    await session.execute(delete(Contact).where(Contact.id.in_([c for c in contacts if c not in still])))
    for contact in await session.scalars(select(Contact).where(Contact.id.in_(still))):
        contact.position = -abs(contact.position)  # kept for the log, in nobody's calling order


async def _delete_methods(session: AsyncSession, ids: list[str]) -> None:
    used = set(await session.scalars(select(Attempt.contact_method_id).where(Attempt.contact_method_id.in_(ids))))
    await session.execute(delete(ContactMethod).where(ContactMethod.id.in_([i for i in ids if i not in used])))
    for method in await session.scalars(select(ContactMethod).where(ContactMethod.id.in_(used))):
        method.channel = "retired"
