"""A community document: regions, people, homes and plans as a care provider hands them in. Strict."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from devices.settings import Section
from server.escalation.plan import Plan

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Path = Annotated[str, Field(pattern=r"^[0-9A-Za-z]+(/[0-9A-Za-z]+)*$", max_length=200)]
Phone = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]
Names = dict[Literal["zh-CN", "en"], str]
Level = Annotated[int, Field(ge=0, le=4)]
Category = Literal["living_alone", "empty_nest", "destitute", "low_income", "disabled", "very_old", "special_risk"]


class RegionEntry(Section):
    """区划."""

    path: Path
    name: Names


class AccountEntry(Section):
    """Who signs in."""

    username: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{3,64}$")]
    display_name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Literal["operator", "supervisor", "engineer", "viewer", "family", "responder", "api"]
    region: Path
    language: Literal["zh-CN", "en"] = "zh-CN"
    password: Annotated[SecretStr, Field(min_length=10)]


class ContactEntry(Section):
    """联系人, in calling order."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=100)]
    relation: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    language: str = "zh-CN"
    phones: list[Phone]


class HealthEntry(Section):
    """What an operator must know."""

    conditions: list[str] = []
    medicines: list[str] = []
    allergies: list[str] = []


class ResidentEntry(Section):
    """老人."""

    id: Id
    region: Path
    name: Annotated[str, Field(min_length=1, max_length=100)]
    sex: Literal["female", "male"] | None = None
    born: date | None = None
    address: str
    phone: Phone | None = None
    language: str = "zh-CN"
    hearing: Literal["good", "poor", "deaf"] | None = None
    categories: list[Category] = []
    ability_level: Level | None = None
    health: HealthEntry = HealthEntry()
    notes: str = ""
    key_safe: str = ""
    contacts: list[ContactEntry] = []


class ResponderEntry(Section):
    """响应员."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    region: Path
    language: str = "zh-CN"
    phones: list[Phone]


class GatewayEntry(Section):
    """A home's gateway and the key it signs in to the broker with."""

    id: Id
    region: Path
    resident: Id | None = None
    key: Annotated[SecretStr, Field(min_length=16)] | None = None


class DeviceEntry(Section):
    """A device as its gateway calls it."""

    gateway: Id
    device: Annotated[str, Field(min_length=1, max_length=200)]
    resident: Id | None = None
    name: Names
    room: str | None = None
    class_: Annotated[str, Field(alias="class", pattern=r"^[a-z_]{1,40}$")]
    model: str | None = None


class Community(Section):
    """The whole document. What it names must be in it or in the database already."""

    regions: list[RegionEntry] = []
    accounts: list[AccountEntry] = []
    residents: list[ResidentEntry] = []
    responders: list[ResponderEntry] = []
    gateways: list[GatewayEntry] = []
    devices: list[DeviceEntry] = []
    plans: list[Plan] = []

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        lists: dict[str, list[str]] = {
            "regions.path": [r.path for r in self.regions],
            "accounts.username": [a.username for a in self.accounts],
            "residents.id": [r.id for r in self.residents],
            "contacts.id": [c.id for r in self.residents for c in r.contacts],
            "responders.id": [r.id for r in self.responders],
            "gateways.id": [g.id for g in self.gateways],
            "devices": [f"{d.gateway}/{d.device}" for d in self.devices],
            "plans.id": [p.id for p in self.plans],
        }
        for name, ids in lists.items():
            doubled = sorted({i for i in ids if ids.count(i) > 1})
            if doubled:
                raise ValueError(f"{name}: more than once: {', '.join(doubled)}")
        return self
