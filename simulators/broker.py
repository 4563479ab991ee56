"""A broker of deploy/mosquitto as a child process: Mosquitto where it is installed, else amqtt for demonstration.

Changes nothing in the configuration but directories, port and the system user; secrets go through files only.
"""

import os
import pwd
import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from simulators.broker_rules import password_line
from simulators.processes import Command, ProcessError, python

SERVER_ACCOUNT = "anhu-server"
_CONFIG_DIR = "/etc/mosquitto/anhu/"
_DATA_DIR = "/var/lib/mosquitto/"
_ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


class BrokerKind(StrEnum):
    """Which program plays the broker."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


def mosquitto() -> str | None:
    """The path of the installed Mosquitto; Debian puts it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_ELSEWHERE))


def choose(wanted: str | None = None) -> BrokerKind:
    """The wanted one, else what ANHU_BROKER says, else Mosquitto where it is installed.

    Raises ProcessError naming the choices.
    """
    named = wanted or os.environ.get("ANHU_BROKER")
    if not named:
        return BrokerKind.MOSQUITTO if mosquitto() else BrokerKind.AMQTT
    try:
        kind = BrokerKind(named)
    except ValueError:
        raise ProcessError(f"broker {named!r}: use one of {', '.join(BrokerKind)}") from None
    if kind is BrokerKind.MOSQUITTO and not mosquitto():
        raise ProcessError("mosquitto is not installed: install it, or use --broker amqtt (for demonstration only)")
    return kind


def templates() -> Path:
    """deploy/mosquitto: beside this package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).resolve().parent
    for folder in (package / "mosquitto", package.parent / "deploy" / "mosquitto"):
        if (folder / "centre.conf").is_file():
            return folder
    raise ProcessError("the broker's configuration (deploy/mosquitto) is missing from this installation")


def prepare(
    which: Literal["centre", "home"],
    kind: BrokerKind,
    directory: Path,
    port: int,
    accounts: Mapping[str, str] | None = None,
) -> Command:
    """Writes the configuration into `directory` and says how to start it. `accounts`: secrets by user name."""
    directory.mkdir(parents=True, exist_ok=True)
    for rules in templates().glob(f"{which}-*"):
        shutil.copy(rules, directory)
    if accounts:
        file = directory / "accounts"
        file.touch(mode=0o600)
        file.write_text("".join(f"{password_line(user, secret)}\n" for user, secret in sorted(accounts.items())))
    config = directory / f"{which}.conf"
    config.write_text(_adapted((templates() / f"{which}.conf").read_text(encoding="utf-8"), directory, port))
    name = f"{which}-broker"
    if kind is BrokerKind.AMQTT:
        return python(name, "simulators", "broker", str(config), cwd=directory)
    program = mosquitto()
    assert program is not None, "choose() said so"
    return Command(name, (program, "-c", str(config)), directory, ready=lambda line: line.endswith(" running"))


def _adapted(text: str, directory: Path, port: int) -> str:
    here = f"{directory}/"
    user = pwd.getpwuid(os.getuid()).pw_name
    for said, meant in (
        ("listener 1883 ", f"listener {port} "),
        ("user mosquitto\n", f"user {user}\n"),
        (_DATA_DIR, here),
        (_CONFIG_DIR, here),
    ):
        assert said in text, f"deploy/mosquitto no longer says {said!r}"
        text = text.replace(f"\n{said}", f"\n{meant}") if said.endswith((" ", "\n")) else text.replace(said, meant)
    return text
