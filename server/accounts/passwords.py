"""Passwords as argon2id. Hashing never runs on the event loop: it takes tens of milliseconds on purpose."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_LENGTH = 1024
"""Characters of a password; more is refused before it costs anything."""

_hasher = PasswordHasher()
# Two at a time: each takes 64 MiB, and a crowd at the start of a shift must not take the ingest's memory.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


def hash_password(password: str) -> str:
    """For commands; use `hashed` on the event loop."""
    return _hasher.hash(password)


async def hashed(password: str) -> str:
    """The password's hash, made beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, hash_password, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Whether it is the password. Without a hash (an account that does not exist) it costs the same and is not."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _matches, password, password_hash)


def needs_new_hash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    try:
        return _hasher.verify(password_hash or _nobodys_hash(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody")
