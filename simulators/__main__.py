"""`anhu-sim`: the whole chain on one machine, with invented people. Never talks to a real telephone network."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from simulators import amqtt_broker, community, demo, run, scenario
from simulators.broker import BrokerKind

BROKER_HELP = "default: what ANHU_BROKER says, else mosquitto where it is installed"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anhu-sim",
        description="Simulated homes, people and telephones around the real gateway and server.",
        epilog="Exit codes: 0 as expected, 1 something was lost, duplicated or late, 2 wrong usage, 3 could not start.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo_ = commands.add_parser("demo", help="everything runs and you are the operator")
    demo_.add_argument("--once", action="store_true", help="one press and no more")
    demo_.add_argument("--pace", type=float, default=1.0, help="5: the story goes five times as fast (default 1)")
    demo_.add_argument("--broker", choices=list(BrokerKind), help=BROKER_HELP)

    run_ = commands.add_parser("run", help="play a scenario on the whole chain and judge it")
    run_.add_argument("scenario", help="the name of a shipped scenario, or a YAML file")
    run_.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    run_.add_argument("--database", default="sqlite", help="sqlite, or the address of an empty PostgreSQL database")
    run_.add_argument("--broker", choices=list(BrokerKind), help=BROKER_HELP)
    run_.add_argument("--keep", type=Path, metavar="FOLDER", help="keep configuration, databases and logs there")

    commands.add_parser("scenarios", help="list the shipped scenarios")
    commands.add_parser("schema", help="print the JSON Schema of a scenario file")

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
        case "demo":
            return demo.run(asked.broker, once=asked.once, pace=asked.pace)
        case "run":
            return run.run(
                asked.scenario,
                as_json=asked.json,
                database=asked.database,
                broker_kind=asked.broker,
                keep=asked.keep and asked.keep.resolve(),
            )
        case "scenarios":
            for name in scenario.shipped():
                title = scenario.load(name).title
                print(f"{name:22} {title.zh} · {title.en}")
            return 0
        case "schema":
            print(json.dumps(scenario.schema(), ensure_ascii=False, indent=1))
            return 0
        case "broker":
            return amqtt_broker.run(asked.config)
        case "community":
            document = community.generate(asked.seed, asked.residents).document
            print(json.dumps(document, ensure_ascii=False, indent=1))
            return 0
    raise AssertionError(asked.command)


if __name__ == "__main__":
    sys.exit(main())
