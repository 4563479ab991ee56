"""The invented community is the same for the same seed, hangs together, and is nobody's."""

import re

from simulators import community


def test_the_same_seed_gives_the_same_people_and_other_secrets() -> None:
    one, two, other = community.generate(7), community.generate(7), community.generate(8)
    assert one.document["residents"] == two.document["residents"]
    assert one.document["responders"] == two.document["responders"]
    assert one.document["devices"] == two.document["devices"]
    assert one.document["residents"] != other.document["residents"]
    assert not set(one.passwords.values()) & set(two.passwords.values())
    assert not set(one.keys.values()) & set(two.keys.values())


def test_everything_it_names_is_in_it() -> None:
    document = community.generate().document
    regions = {region["path"] for region in document["regions"]}
    residents = {resident["id"] for resident in document["residents"]}
    gateways = {gateway["id"] for gateway in document["gateways"]}
    assert len(residents) == len(document["residents"]) == len(gateways) == 30
    assert len({path for path in regions if path.count("/") == 3}) == 4
    for part in ("accounts", "residents", "responders", "gateways", "plans"):
        assert {entry["region"] for entry in document[part]} <= regions
    assert {path.rpartition("/")[0] for path in regions} - {""} <= regions
    assert {device["resident"] for device in document["devices"]} <= residents
    assert {device["gateway"] for device in document["devices"]} <= gateways
    assert {gateway["resident"] for gateway in document["gateways"]} == residents
    assert len({(device["gateway"], device["device"]) for device in document["devices"]}) == len(document["devices"])


def test_every_home_has_two_contacts_and_a_grid_worker() -> None:
    document = community.generate().document
    workers = {p["region"] for p in document["responders"] if p["role"] == "grid_worker"}
    for resident in document["residents"]:
        assert len(resident["contacts"]) >= 2
        assert resident["region"] in workers


def test_no_number_can_be_anybodys_and_each_is_used_once() -> None:
    made = community.generate(residents=200)
    numbers = [person.phone for person in made.people.values()] + [r["phone"] for r in made.document["residents"]]
    assert all(re.fullmatch(r"\+8610000\d{6}", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_the_people_of_the_scenarios_are_there() -> None:
    made = community.generate()
    wang = made.document["residents"][0]
    assert (wang["id"], wang["name"], wang["sex"]) == (community.WANG, "王桂兰", "female")
    assert made.people[community.DAUGHTER].relation == "daughter"
    assert made.people[community.NEIGHBOUR].relation == "neighbour"
    assert made.people[community.GRID_WORKER].relation == "grid_worker"
    assert made.document["gateways"][0]["id"] == community.WANG_GATEWAY
