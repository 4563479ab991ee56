"""Plans, ladders with their due rows, and attempts to reach a person."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db import UtcDateTime
from server.tables import Base, Json


class PlanRow(Base):
    """响应预案 as edited; alarms run on a snapshot. The most particular scope wins: resident, category, region."""

    __tablename__ = "plan"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(ForeignKey("region.path"), index=True)
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("resident.id"), index=True)
    category: Mapped[str | None] = mapped_column(String(40))
    document: Mapped[dict[str, object]] = mapped_column(Json)  # escalation/plan.py: Plan


class Escalation(Base):
    """One ladder of one alarm. `due_at` is when the worker must look at it; None when it has ended."""

    __tablename__ = "escalation"
    __table_args__ = (UniqueConstraint("alarm_id", "ladder"), Index("ix_escalation_due_at", "due_at"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"))
    plan_snapshot: Mapped[dict[str, object]] = mapped_column(Json)  # escalation/plan.py: Ladder
    ladder: Mapped[str] = mapped_column(String(40))
    step: Mapped[int]  # the next to start
    round: Mapped[int]  # of that step, from 0
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    epoch: Mapped[int]
    ended: Mapped[str | None] = mapped_column(String(20))  # claimed, accepted, closed, exhausted


class Attempt(Base):
    """One try to reach one person by one way. Its id is in the provider's callback address."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint(
            "alarm_id", "epoch", "ladder", "round", "step", "contact_method_id", "try", name="uq_attempt_of"
        ),
        Index("ix_attempt_due_at", "due_at"),
        Index("ix_attempt_address_state", "address", "state"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"), index=True)
    epoch: Mapped[int]
    ladder: Mapped[str] = mapped_column(String(40))
    round: Mapped[int]
    step: Mapped[int]
    contact_method_id: Mapped[str] = mapped_column(ForeignKey("contact_method.id"))
    try_: Mapped[int] = mapped_column("try")
    channel: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(200))  # frozen with the attempt, for one call in flight per number
    person: Mapped[str] = mapped_column(String(100))  # frozen display name
    relation: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    result: Mapped[str | None] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # next time the worker must look at it
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    owner: Mapped[str | None] = mapped_column(String(64))
    provider_id: Mapped[str | None] = mapped_column(String(64), index=True)
    seq: Mapped[int] = mapped_column(default=-1)  # of the last callback; only rises
    hang_up: Mapped[bool] = mapped_column(default=False)  # the call is to be ended at the provider
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    placed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
