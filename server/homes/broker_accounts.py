"""The broker's account file, from the gateways' rows. Keys are kept only in mosquitto's own hashed form."""

import base64
import hashlib
import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.config import BrokerSettings
from server.homes.model import Gateway

ITERATIONS = 101
"""Mosquitto 2's own number. Keys are random and long, so that more would buy nothing and slow every reconnect."""


def hash_key(key: str, salt: bytes | None = None) -> str:
    """`$7$…`: PBKDF2-HMAC-SHA512 as mosquitto_passwd writes it (mosquitto ≥ 2.0)."""
    salt = secrets.token_bytes(12) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", key.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


async def account_lines(session: AsyncSession, broker: BrokerSettings) -> list[str]:
    """Lines of mosquitto's password_file: the server's own account, then every gateway that has a key."""
    secret = broker.secret()
    own = [f"{broker.username}:{hash_key(secret)}"] if secret else []
    rows = await session.execute(select(Gateway.id, Gateway.key_hash).order_by(Gateway.id))
    return own + [f"{row.id}:{row.key_hash}" for row in rows if row.key_hash]
