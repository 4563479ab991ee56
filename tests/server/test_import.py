"""Importing a community: all or nothing, every mistake named, again and again."""

from pathlib import Path

import pytest
from sqlalchemy import select

from server.errors import ImportFileError
from server.escalation.model import PlanRow
from server.homes.broker_accounts import hash_key
from server.residents.importer import Hashed, import_community, parse_community
from server.residents.model import Contact, ContactMethod, Resident
from tests.server.harness import COMMUNITY, NUMBERS, Story


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("residents: [{id: a}]", "residents.0.region"),
        ("residants: []", "residants"),
        ("accounts: [{username: a b, display_name: x, role: king, region: '1', password: short}]", "accounts.0.role"),
        ("residents: [{id: a, region: '1', name: x, contacts: [{id: c, name: n, relation: s, phones: [1]}]}]",
         "contacts.0.phones.0"),
        ("regions: [{path: '1', name: {en: x}}, {path: '1', name: {en: y}}]", "regions.path: more than once: 1"),
        ("plans: [{id: p, region: '1', ladders: [{name: f, stops_on: accept, steps: [{targets: ['aunt']}]}]}]",
         "targets.0"),
        ("- 1", "document"),
        ("a: [", "not YAML"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, says: str) -> None:
    with pytest.raises(ImportFileError, match=says.replace(".", r"\.")):
        parse_community(text)


async def test_what_is_referred_to_must_exist_and_nothing_is_half_done(told: Story) -> None:
    wrong = COMMUNITY.replace("resident: li", "resident: nobody").replace("王桂兰", "CHANGED")
    with pytest.raises(ImportFileError, match=r"gateways\.1\.resident: there is no resident 'nobody'"):
        await import_community(told.centre.db, parse_community(wrong), Hashed())
    async with told.centre.db.read() as session:
        wang = await session.get(Resident, "wang")
    assert wang is not None
    assert wang.name == "王桂兰"


async def test_importing_again_changes_and_forgets_numbers_but_keeps_the_log(told: Story) -> None:
    await told.press()
    await told.forward(15)
    changed = COMMUNITY.replace(
        '{id: daughter, name: 王芳, relation: daughter, phones: ["+8610000000001"]}',
        "{id: daughter, name: 王芳芳, relation: daughter, phones: []}",
    )
    await import_community(told.centre.db, parse_community(changed), Hashed())
    async with told.centre.db.read() as session:
        daughter = await session.get(Contact, "daughter")
        methods = (await session.scalars(select(ContactMethod).where(ContactMethod.contact_id == "daughter"))).all()
        plans = (await session.scalars(select(PlanRow))).all()
    assert daughter is not None
    assert daughter.name == "王芳芳"
    assert [m.channel for m in methods] == ["retired"]
    assert len(plans) == 1
    assert (await told.call_of("daughter")).person == "王芳", "the alarm keeps whom it called"


async def test_a_contact_is_never_taken_away_from_another_resident(told: Story) -> None:
    taking = """
residents:
  - id: li
    region: "360000/360800"
    name: 李德全
    address: 某村 3 号
    contacts:
      - {id: son, name: 李明, relation: son, phones: []}
      - {id: daughter, name: 李芳, relation: daughter, phones: ["+8610000000009"]}
"""
    with pytest.raises(ImportFileError, match=r"^residents\.0\.contacts\.1\.id: 'daughter' .* resident 'wang'"):
        await import_community(told.centre.db, parse_community(taking), Hashed())
    async with told.centre.db.read() as session:
        daughter = await session.get(Contact, "daughter")
        assert await session.get(Contact, "son") is None
    assert daughter is not None
    assert (daughter.resident_id, daughter.name) == ("wang", "王芳")


async def test_a_responder_and_a_contact_of_the_same_id_keep_their_own_numbers(told: Story) -> None:
    long = "x" * 64
    both = f"""
residents:
  - id: li
    region: "360000/360800"
    name: 李德全
    address: 某村 3 号
    contacts: [{{id: {long}, name: 李明, relation: son, phones: ["+8610000000008"]}}]
responders:
  - {{id: {long}, name: 李邻居, role: neighbour, region: "360000/360800", phones: ["+8610000000009"]}}
"""
    for _ in range(2):  # importing again finds the same rows
        await import_community(told.centre.db, parse_community(both), Hashed())
    async with told.centre.db.read() as session:
        methods = await session.scalars(select(ContactMethod).order_by(ContactMethod.address))
        numbers = [(m.contact_id, m.responder_id, m.address) for m in methods if long in (m.contact_id, m.responder_id)]
    assert numbers == [(long, None, "+8610000000008"), (None, long, "+8610000000009")]


async def test_a_number_kept_under_another_row_id_is_not_called_twice(told: Story) -> None:
    async with told.centre.db.write() as session:
        session.add(
            ContactMethod(id="old", contact_id="daughter", position=1, channel="voice", address="+8610000000001")
        )
    await import_community(told.centre.db, parse_community(COMMUNITY), Hashed())
    async with told.centre.db.read() as session:
        methods = (await session.scalars(select(ContactMethod).where(ContactMethod.contact_id == "daughter"))).all()
    assert [m.address for m in methods] == ["+8610000000001"]


async def test_dry_run_changes_nothing(told: Story) -> None:
    counts = await import_community(
        told.centre.db, parse_community(COMMUNITY.replace("王桂兰", "X")), Hashed(), dry_run=True
    )
    assert counts["residents"] == 2
    await told.press()
    assert (await told.board())[0].resident_name == "王桂兰"


def test_gateway_keys_are_hashed_as_mosquitto_does(tmp_path: Path) -> None:
    """Compared with the broker's own tool in tests/simulators; here: form, salt, no key inside."""
    first, second = hash_key("0123456789abcdef"), hash_key("0123456789abcdef")
    assert first != second
    assert first.split("$")[1:3] == ["7", "101"]
    assert NUMBERS["daughter"] not in first
