"""The alarm and everything that hangs on it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Sequence, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import UtcDateTime
from server.ingest.model import BigId
from server.tables import Base, Json

ALARM_NUMBER = Sequence("alarm_number", metadata=Base.metadata)
"""PostgreSQL's source of `Alarm.number`; SQLite, with its one writer, counts on from the highest."""


class Alarm(Base):
    """警情: the case a person works on. One open at a time per subject and mode."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "uq_alarm_open_subject",
            "subject",
            "mode",
            unique=True,
            sqlite_where=text("state <> 'closed'"),
            postgresql_where=text("state <> 'closed'"),
        ),
        Index("ix_alarm_region_state", "region", "state"),
        Index("ix_alarm_subject_closed_at", "subject", "closed_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, unique=True)
    subject: Mapped[str] = mapped_column(String(80))  # resident:<id>, gateway:<id> or centre:<what>
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("resident.id"), index=True)
    gateway_id: Mapped[str | None] = mapped_column(String(64))
    region: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))  # of the gravest signal
    mode: Mapped[str] = mapped_column(String(10))
    priority: Mapped[int]  # 1 life, 2 urgent, 3 technical; joining signals may raise it, never lower
    state: Mapped[str] = mapped_column(String(20))
    duty: Mapped[str | None] = mapped_column(String(20))  # accepted, on_the_way, on_site, inside
    version: Mapped[int] = mapped_column(default=1)  # optimistic lock of everything a person does
    epoch: Mapped[int] = mapped_column(default=1)  # rises with claim, acceptance and re-alarm
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)  # centre's receipt: deadlines count from here
    event_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pre_alarm_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    claimed_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claim_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by: Mapped[str | None] = mapped_column(String(100))  # display name of the helper
    accepted_attempt: Mapped[UUID | None]
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(40))
    outcome_note: Mapped[str] = mapped_column(Text, default="")


class SignalRow(Base):
    """信号: an event that raised or joined an alarm. Every one is shown."""

    __tablename__ = "signal"
    __table_args__ = (UniqueConstraint("gateway_id", "event_id"), Index("ix_signal_alarm_id_at", "alarm_id", "at"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"))
    gateway_id: Mapped[str | None] = mapped_column(String(64))
    event_id: Mapped[UUID | None]
    device: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    phase: Mapped[str] = mapped_column(String(10))
    mode: Mapped[str] = mapped_column(String(10))
    rule: Mapped[str] = mapped_column(String(60))
    event_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # centre's receipt


class Timeline(Base):
    """What happened to an alarm: appended to, never changed. Each entry's hash covers the one before."""

    __tablename__ = "timeline"
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(100))  # username, "system" or "provider"
    body: Mapped[dict[str, object]] = mapped_column(Json)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class UiEvent(Base):
    """The doorbell: something on the board changed. Says nothing else; a GET fetches the truth."""

    __tablename__ = "ui_event"
    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    region: Mapped[str | None] = mapped_column(String(200))
    alarm_id: Mapped[UUID | None]
    __table_args__ = ({"sqlite_autoincrement": True},)
