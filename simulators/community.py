"""An invented small community as an import document: the same seed gives the same people, never the same secrets.

Every person, community and number here is made up. The telephone numbers (+86 10000 …) cannot be assigned: no Chinese
mobile number begins with 100, and no Beijing (10) subscriber's with 0.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from simulators import invented

DISTRICT = "360000/360700/360799"
WANG = "r-0001"
WANG_GATEWAY = "gw-0001"
CALLS = ("sos", "help", "unknown", "fall", "smoke", "gas", "co", "heat", "vitals_alarm", "inactivity", "geofence")
"""What the family is called for. A flat battery or a silent gateway is the operators' business alone."""

DAUGHTER, NEIGHBOUR, GRID_WORKER = "c-0001-1", "c-0001-2", "p-0001"


@dataclass(frozen=True, slots=True)
class PlanTimes:
    """When the ladders of the plan begin and how long a step waits, in seconds."""

    family_after_s: float = 15
    responders_after_s: float = 90
    wait_s: float = 60


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a telephone."""

    id: str
    name: str
    relation: str
    phone: str


@dataclass(frozen=True, slots=True)
class Community:
    """The document of `anhu-server import`, and the secrets that it tells the server."""

    document: Mapping[str, Any]
    passwords: Mapping[str, str]  # by user name
    keys: Mapping[str, str]  # by gateway
    people: Mapping[str, Person] = field(default_factory=dict)  # contacts and responders by id


def generate(seed: int = 1943, residents: int = 30, times: PlanTimes | None = None) -> Community:
    """About thirty old people in four communities of an invented district, and those who look after them."""
    random = Random(seed)  # noqa: S311 - people, not secrets
    numbers = (f"+8610000{n:06d}" for n in iter(random.sample(range(1, 10**6), 20 * residents + 100)))
    homes = [_resident(random, numbers, index) for index in range(1, residents + 1)]
    responders = list(_responders(random, numbers))
    accounts = [{**account, "password": _password()} for account in _accounts()]
    gateways = [
        {"id": f"gw-{i:04d}", "region": r["region"], "resident": r["id"], "key": secrets.token_urlsafe(24)}
        for i, r in enumerate(homes, 1)
    ]
    document = {
        "regions": [{"path": path, "name": {"zh-CN": zh, "en": en}} for path, zh, en in _regions()],
        "accounts": accounts,
        "residents": homes,
        "responders": responders,
        "gateways": gateways,
        "devices": [d for i, r in enumerate(homes, 1) for d in _devices(random, f"gw-{i:04d}", r)],
        "plans": [_plan(times or PlanTimes())],
    }
    contacts = (contact for resident in homes for contact in resident["contacts"])
    people = (
        *(Person(c["id"], c["name"], c["relation"], c["phones"][0]) for c in contacts),
        *(Person(p["id"], p["name"], p["role"], p["phones"][0]) for p in responders),
    )
    return Community(
        document,
        passwords={account["username"]: account["password"] for account in accounts},
        keys={gateway["id"]: gateway["key"] for gateway in gateways},
        people={person.id: person for person in people},
    )


def _password() -> str:
    """Easy to read out and to type: about 38 bits, for a demonstration on this machine."""
    syllables = (secrets.choice("bdfgkmnprstvz") + secrets.choice("aeiou") for _ in range(6))
    return "".join(syllables) + f"-{secrets.randbelow(10**4):04d}"


def _regions() -> Iterator[tuple[str, str, str]]:
    yield "360000", "江西省", "Jiangxi"
    yield "360000/360700", "赣州市", "Ganzhou"
    yield DISTRICT, "云溪区（虚构）", "Yunxi District (invented)"
    for code, zh, en, _ in invented.COMMUNITIES:
        yield f"{DISTRICT}/{code}", zh, en


def _accounts() -> Iterator[dict[str, Any]]:
    for username, name, role, language in (
        ("zuoxi01", "坐席01", "operator", "zh-CN"),
        ("zuoxi02", "坐席02", "operator", "en"),
        ("dudao01", "督导01", "supervisor", "zh-CN"),
        ("gongcheng01", "工程师01", "engineer", "zh-CN"),
    ):
        yield {"username": username, "display_name": name, "role": role, "region": DISTRICT, "language": language}


def _resident(random: Random, numbers: Iterator[str], index: int) -> dict[str, Any]:
    code, _, _, street = invented.COMMUNITIES[(index - 1) % len(invented.COMMUNITIES)]
    woman = index == 1 or random.random() < 0.6
    surname = random.choice(invented.SURNAMES)
    born = date(1930, 1, 1) + timedelta(days=random.randrange(22 * 365))
    resident: dict[str, Any] = {
        "id": f"r-{index:04d}",
        "region": f"{DISTRICT}/{code}",
        "name": surname + random.choice(invented.WOMEN if woman else invented.MEN),
        "sex": "female" if woman else "male",
        "born": born.isoformat(),
        "address": _address(random, street),
        "phone": next(numbers),
        "language": random.choice(("zh-CN", "zh-CN", "gan")),
        "hearing": random.choice(("good", "good", "poor")),
        "categories": _categories(random, born),
        "ability_level": random.choice((0, 0, 1, 1, 2, 3)),
        "health": {
            "conditions": random.sample(invented.CONDITIONS, random.randrange(3)),
            "medicines": random.sample(invented.MEDICINES, random.randrange(3)),
            "allergies": random.sample(invented.ALLERGIES, random.choice((0, 0, 0, 1))),
        },
        "notes": random.choice(invented.NOTES),
        "key_safe": random.choice(invented.KEY_SAFES),
    }
    contacts = [
        _contact(random, numbers, index, place, relation, surname)
        for place, relation in enumerate((random.choice(("daughter", "son")), "neighbour"), 1)
    ]
    if index == 1:
        resident |= invented.WANG
        contacts[0] |= {"name": "刘芳", "relation": "daughter"}
        contacts[1] |= {"name": "陈秀珍", "relation": "neighbour"}
    return {**resident, "contacts": contacts}


def _address(random: Random, street: str) -> str:
    house, stair, floor, door = (random.randrange(1, most) for most in (60, 5, 7, 5))
    return f"{street}{house}号{stair}单元{floor}0{door}室"


def _categories(random: Random, born: date) -> list[str]:
    found = [c for c, share in (("living_alone", 0.5), ("empty_nest", 0.5), ("destitute", 0.15), ("disabled", 0.2))
             if random.random() < share]  # fmt: skip
    return found + (["very_old"] if born.year < 1940 else [])


def _contact(
    random: Random, numbers: Iterator[str], resident: int, place: int, relation: str, surname: str
) -> dict[str, Any]:
    given = random.choice(invented.CHILDREN)
    family = random.choice(invented.SURNAMES) if relation in ("neighbour", "daughter") else surname
    return {
        "id": f"c-{resident:04d}-{place}",
        "name": family + given,
        "relation": relation,
        "language": "zh-CN",
        "phones": [next(numbers)],
    }


def _responders(random: Random, numbers: Iterator[str]) -> Iterator[dict[str, Any]]:
    roles = ("grid_worker", "property", "volunteer", "village_doctor")
    people = ((code, role) for code, *_ in invented.COMMUNITIES for role in roles[: 2 + (code[-1] == "4")])
    for index, (code, role) in enumerate(people, 1):
        name = "李强" if index == 1 else random.choice(invented.SURNAMES) + random.choice(invented.CHILDREN)
        yield {
            "id": f"p-{index:04d}",
            "name": name,
            "role": role,
            "region": f"{DISTRICT}/{code}",
            "language": "zh-CN",
            "phones": [next(numbers)],
        }


def _devices(random: Random, gateway: str, resident: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    chosen = invented.DEVICES if gateway == WANG_GATEWAY else invented.DEVICES[: random.choice((1, 2, 3, 5))]
    for device, zh, en, room, class_, model in chosen:
        yield {
            "gateway": gateway,
            "device": device,
            "resident": resident["id"],
            "name": {"zh-CN": zh, "en": en},
            "room": room,
            "class": class_,
            "model": model,
        }


def _plan(times: PlanTimes) -> dict[str, Any]:
    def step(target: str) -> dict[str, Any]:
        return {"targets": [target], "channels": ["voice"], "wait_s": times.wait_s, "repeat": 0}

    return {
        "id": "default",
        "name": {"zh-CN": "一键呼救预案", "en": "Emergency call"},
        "region": "360000",
        "kinds": list(CALLS),
        "modes": ["actual", "exercise"],
        "ladders": [
            {
                "name": "operators",
                "stops_on": "claim",
                "steps": [{"targets": ["operators"], "wait_s": 60, "repeat": 10}],
            },
            {
                "name": "family",
                "stops_on": "accept",
                "start_after_s": times.family_after_s,
                "steps": [step("contact:1"), step("contact:2")],
            },
            {
                "name": "responders",
                "stops_on": "accept",
                "start_after_s": times.responders_after_s,
                "steps": [step("responder:grid_worker")],
            },
        ],
    }
