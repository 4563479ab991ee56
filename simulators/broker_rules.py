"""Accounts and topic rules of Mosquitto's own files, for the broker that stands in where Mosquitto is missing.

Reads only the directives that deploy/mosquitto uses; none of the others says who may do what.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Access = Literal["read", "write"]

_ITERATIONS = 101
"""What mosquitto_passwd uses. Few, because the keys here are random and long, not chosen by people."""


def password_line(username: str, secret: str) -> str:
    """A line of a Mosquitto 2 password file: `name:$7$iterations$salt$hash`, PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ITERATIONS)
    return f"{username}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def password_matches(hashed: str, secret: str) -> bool:
    """Whether `secret` belongs to the `$7$…` part of a password line; a line of another form matches nothing."""
    parts = hashed.split("$")
    if len(parts) != 5 or parts[1] != "7":
        return False
    try:
        salt, expected = base64.b64decode(parts[3], validate=True), base64.b64decode(parts[4], validate=True)
        digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, int(parts[2]))
    except ValueError:
        return False
    return hmac.compare_digest(digest, expected)


@dataclass(frozen=True, slots=True)
class TopicRule:
    """`access` to `topic`, for one user or (None) for everybody, `%u` standing for the account's name."""

    user: str | None
    access: frozenset[Access]
    topic: str

    def allows(self, user: str, access: Access, topic: str) -> bool:
        if access not in self.access or self.user not in (None, user) or set(user) & set("+#/"):
            return False
        return _covers(self.topic.replace("%u", user).split("/"), topic.split("/"))


def _covers(rule: list[str], topic: list[str]) -> bool:
    """Whether every topic that `topic` (which may itself be a filter) can mean is one of the rule's."""
    for index, level in enumerate(rule):
        if level == "#":
            return True
        if index >= len(topic) or topic[index] == "#" or (level != "+" and level != topic[index]):
            return False
    return len(topic) == len(rule)


def topic_rules(text: str) -> tuple[TopicRule, ...]:
    """The rules of an `acl_file`. Raises ValueError naming the line."""
    rules: list[TopicRule] = []
    user: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        match line.split(maxsplit=2):
            case []:
                continue
            case [first, *_] if first.startswith("#"):
                continue
            case ["user", name]:
                user = name
            case ["topic" | "pattern" as scope, "read" | "write" | "readwrite" as access, topic]:
                allowed: frozenset[Access] = frozenset(("read", "write") if access == "readwrite" else (access,))
                rules.append(TopicRule(user if scope == "topic" else None, allowed, topic.strip()))
            case _:
                raise ValueError(f"line {number}: {line!r} is not user, topic or pattern")
    return tuple(rules)


@dataclass(frozen=True, slots=True)
class BrokerRules:
    """Who may connect to a broker, and what they may do there."""

    bind: str
    anonymous: bool
    accounts: Mapping[str, str]
    rules: tuple[TopicRule, ...] | None  # None: no rules, everything is allowed

    def may_connect(self, user: str | None, secret: str | None) -> bool:
        if user is None:
            return self.anonymous
        hashed = self.accounts.get(user)
        if hashed is None:
            return self.anonymous and not self.accounts
        return secret is not None and password_matches(hashed, secret)

    def allows(self, user: str | None, access: Access, topic: str) -> bool:
        return self.rules is None or any(rule.allows(user or "", access, topic) for rule in self.rules)


def read_rules(config: Path) -> BrokerRules:
    """What a mosquitto.conf of the kind in deploy/mosquitto says about the listener, accounts and topics."""
    said: dict[str, str] = {}
    for line in config.read_text(encoding="utf-8").splitlines():
        key, _, value = line.strip().partition(" ")
        if key and not key.startswith("#"):
            said[key] = value.strip()
    port, _, host = said.get("listener", "1883").partition(" ")
    lines = Path(said["password_file"]).read_text(encoding="utf-8").splitlines() if "password_file" in said else []
    pairs = (line.partition(":") for line in lines if ":" in line)
    return BrokerRules(
        bind=f"{host.strip() or '127.0.0.1'}:{port}",
        anonymous=said.get("allow_anonymous", "false") == "true",
        accounts={user: hashed.strip() for user, _, hashed in pairs},
        rules=topic_rules(Path(said["acl_file"]).read_text(encoding="utf-8")) if "acl_file" in said else None,
    )
