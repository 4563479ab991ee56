"""Regions, residents and the people who can help them."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import UtcDateTime
from server.tables import Base, Json


class Region(Base):
    """区划. `path` is the codes from province down, joined by `/`: a subtree is a prefix."""

    __tablename__ = "region"
    path: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[dict[str, str]] = mapped_column(Json)  # by language


class Resident(Base):
    """老人."""

    __tablename__ = "resident"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(ForeignKey("region.path"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    sex: Mapped[str | None] = mapped_column(String(10))
    born: Mapped[date | None]
    address: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(String(32))
    language: Mapped[str] = mapped_column(String(20), default="zh-CN")
    hearing: Mapped[str | None] = mapped_column(String(20))
    categories: Mapped[list[str]] = mapped_column(Json, default=list)
    ability_level: Mapped[int | None]  # GB/T 42195-2022, 0 (able) to 4
    health: Mapped[dict[str, list[str]]] = mapped_column(Json, default=dict)  # conditions, medicines, allergies
    notes: Mapped[str] = mapped_column(Text, default="")
    key_safe: Mapped[str] = mapped_column(Text, default="")


class Contact(Base):
    """联系人 of one resident, in calling order."""

    __tablename__ = "contact"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("resident.id"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(100))
    relation: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(20), default="zh-CN")


class Responder(Base):
    """响应员 of a region: grid worker, property staff, volunteer …"""

    __tablename__ = "responder"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(ForeignKey("region.path"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(20), default="zh-CN")


class ContactMethod(Base):
    """One way to reach one contact or responder."""

    __tablename__ = "contact_method"
    __table_args__ = (
        CheckConstraint("(contact_id IS NULL) <> (responder_id IS NULL)", name="one_person"),
        Index("ix_contact_method_address", "channel", "address"),
    )
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contact.id"), index=True)
    responder_id: Mapped[str | None] = mapped_column(ForeignKey("responder.id"), index=True)
    position: Mapped[int]
    channel: Mapped[str] = mapped_column(String(20))  # voice
    address: Mapped[str] = mapped_column(String(200))  # E.164 for voice
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
