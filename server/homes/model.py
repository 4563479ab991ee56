"""Gateways and devices."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import UtcDateTime
from server.tables import Base, Json


class Gateway(Base):
    """One home's gateway. `key_hash` is the broker's own password form, so that its account file can be written."""

    __tablename__ = "gateway"
    __table_args__ = (Index("ix_gateway_silent_due_at", "silent_due_at"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(ForeignKey("region.path"), index=True)
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("resident.id"), index=True)
    key_hash: Mapped[str] = mapped_column(String(200), default="")
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    silent_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when its silence becomes visible
    silent_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set while it is
    boot: Mapped[str | None] = mapped_column(String(64))
    boot_zero_us: Mapped[int | None] = mapped_column(BigInteger)  # centre's time of monotonic zero, µs since 1970
    heartbeat: Mapped[dict[str, object] | None] = mapped_column(Json)


class Device(Base):
    """A device as its gateway calls it. Unknown ones are added as they speak, with `registered` false."""

    __tablename__ = "device"
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    device: Mapped[str] = mapped_column(String(200), primary_key=True)
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("resident.id"), index=True)
    registered: Mapped[bool] = mapped_column(default=True)
    name: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    room: Mapped[str | None] = mapped_column(String(60))
    class_: Mapped[str | None] = mapped_column("class", String(40))
    model: Mapped[str | None] = mapped_column(String(100))
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
