"""What arrived: inbox, events, readings, quarantine; and what goes down: commands."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import UtcDateTime
from server.tables import Base, Json

BigId = BigInteger().with_variant(Integer, "sqlite")


class Centre(Base):
    """One row: what this centre is. `epoch` changes after a restore from backup; gateways then offer again."""

    __tablename__ = "centre"
    id: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(String(64))


class Inbox(Base):
    """What was accepted once. `source` is the gateway."""

    __tablename__ = "inbox"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Event(Base):
    """What a device said (events of p0 and p1, and states of p2)."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_gateway_id_device", "gateway_id", "device", "received_at"),
        Index("ix_event_resident_id_received_at", "resident_id", "received_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    device: Mapped[str] = mapped_column(String(200))
    resident_id: Mapped[str | None] = mapped_column(String(64))
    region: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    phase: Mapped[str] = mapped_column(String(10))
    mode: Mapped[str] = mapped_column(String(10))
    cause: Mapped[UUID | None]
    event_at: Mapped[datetime] = mapped_column(UtcDateTime)  # best estimate, see ingest/times.py
    clock: Mapped[str] = mapped_column(String(10))  # how it was estimated: mono, or the gateway's clock state
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stream: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, object]] = mapped_column(Json)
    raw: Mapped[dict[str, str] | None] = mapped_column(Json)


class Reading(Base):
    """What a device measured. Scalars are in `value`; blood pressure, position and the like in `body`."""

    __tablename__ = "reading"
    __table_args__ = (Index("ix_reading_resident_id_kind_at", "resident_id", "kind", "event_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    device: Mapped[str] = mapped_column(String(200))
    resident_id: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(10))
    event_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    value: Mapped[float | None]
    body: Mapped[dict[str, object]] = mapped_column(Json)


class Quarantine(Base):
    """Bytes that could not be read, and why. Never deleted by the ingest."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of topic and payload: a resend is counted, not kept twice
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    problem: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(default=1)
    __table_args__ = (Index("uq_quarantine_digest", "digest", unique=True),)


class CommandRow(Base):
    """A command to a gateway, sent again until it answers or `expires_at` has passed."""

    __tablename__ = "command"
    __table_args__ = (Index("ix_command_state_due_at", "state", "due_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(String(64))
    alarm_id: Mapped[UUID | None] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(40))
    cause: Mapped[UUID | None]
    body: Mapped[dict[str, object]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(20))  # pending, done, failed, expired, unsupported
    detail: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
