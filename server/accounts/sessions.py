"""Sessions are rows: signing out, disabling an account and expiry hold at once and in every process.

The browser holds a random token; only its SHA-256 is stored, so that a copy of the database opens no session.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, select, update

from server.accounts import passwords
from server.accounts.actor import Actor
from server.accounts.errors import WrongSignInError
from server.accounts.model import Account, Session
from server.centre import Centre

TOUCH_AFTER = timedelta(seconds=60)
"""A session's last use is written at most this often."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session."""

    actor: Actor
    csrf_token: str
    token_hash: str


def hash_token(token: str) -> str:
    """What is stored of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def sign_in(centre: Centre, username: str, password: str) -> tuple[str, SignedIn]:
    """A new session: the browser's token, and what we know. Raises WrongSignInError."""
    if len(password) > passwords.MAX_LENGTH:
        raise WrongSignInError
    async with centre.db.read() as session:
        query = select(Account).where(Account.username == username, Account.disabled_at.is_(None))
        account = (await session.scalars(query)).first()
    # Unknown or known, it costs the same: time tells nobody which user names exist.
    if not await passwords.matches(password, account.password_hash if account else None) or account is None:
        raise WrongSignInError
    new_hash = await passwords.hashed(password) if passwords.needs_new_hash(account.password_hash) else None
    token = secrets.token_urlsafe(32)
    now = centre.clock.now()
    row = Session(
        token_hash=hash_token(token),
        account_id=account.id,
        csrf_token=secrets.token_urlsafe(32),
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=centre.settings.web.session_max_s),
    )
    async with centre.db.write() as session:
        await session.execute(delete(Session).where(Session.expires_at <= now))
        if new_hash:
            await session.execute(update(Account).where(Account.id == account.id).values(password_hash=new_hash))
        session.add(row)
    return token, SignedIn(_actor(account), row.csrf_token, row.token_hash)


async def find(centre: Centre, token: str) -> SignedIn | None:
    """The live session of that token. Every use counts against idling, the board's own fetches too: while a console
    is open somewhere its operator must not be signed out by a quiet night."""
    now = centre.clock.now()
    token_hash = hash_token(token)
    async with centre.db.read() as session:
        query = (
            select(Session, Account)
            .join(Account, Session.account_id == Account.id)
            .where(Session.token_hash == token_hash, _live(centre, now))
        )
        found = (await session.execute(query)).first()
    if found is None:
        return None
    row, account = found
    if now - row.last_seen_at >= TOUCH_AFTER:
        async with centre.db.write() as session:
            await session.execute(update(Session).where(Session.token_hash == token_hash).values(last_seen_at=now))
    return SignedIn(_actor(account), row.csrf_token, token_hash)


async def still_live(centre: Centre, token_hashes: Collection[str]) -> frozenset[str]:
    """Those of the sessions that have not ended."""
    if not token_hashes:
        return frozenset()
    async with centre.db.read() as session:
        query = (
            select(Session.token_hash)
            .join(Account, Session.account_id == Account.id)
            .where(Session.token_hash.in_(token_hashes), _live(centre, centre.clock.now()))
        )
        return frozenset(await session.scalars(query))


async def sign_out(centre: Centre, token_hash: str) -> None:
    """The session is over."""
    async with centre.db.write() as session:
        await session.execute(delete(Session).where(Session.token_hash == token_hash))


async def set_language(centre: Centre, actor: Actor, language: str) -> None:
    """The language the account's pages are shown in from now on."""
    async with centre.db.write() as session:
        await session.execute(update(Account).where(Account.id == actor.account_id).values(language=language))


def _live(centre: Centre, now: datetime) -> ColumnElement[bool]:
    idle_since = now - timedelta(seconds=centre.settings.web.session_idle_s)
    return and_(Session.expires_at > now, Session.last_seen_at > idle_since, Account.disabled_at.is_(None))


def _actor(account: Account) -> Actor:
    return Actor(account.id, account.username, account.display_name, account.role, account.region, account.language)
