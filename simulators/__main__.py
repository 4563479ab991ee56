"""`anhu-sim`: the whole chain on one machine, with invented people. Never talks to a real telephone network."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from simulators import amqtt_broker, community


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anhu-sim",
        description="Simulated homes, people and telephones around the real gateway and server.",
        epilog="Exit codes: 0 as expected, 1 something was lost, duplicated or late, 2 wrong usage, 3 could not start.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    broker = commands.add_parser("broker", help="an MQTT broker for demonstration, where Mosquitto is not installed")
    broker.add_argument("config", type=Path, help="a mosquitto.conf like those in deploy/mosquitto")

    people = commands.add_parser("community", help="print an invented community, ready for `anhu-server import`")
    people.add_argument("--seed", type=int, default=1943, help="the same seed gives the same people (default 1943)")
    people.add_argument("--residents", type=int, default=30, help="how many old people (default 30)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    match asked.command:
        case "broker":
            return amqtt_broker.run(asked.config)
        case "community":
            document = community.generate(asked.seed, asked.residents).document
            print(json.dumps(document, ensure_ascii=False, indent=1))
            return 0
    raise AssertionError(asked.command)


if __name__ == "__main__":
    sys.exit(main())
