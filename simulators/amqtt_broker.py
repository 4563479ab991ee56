"""amqtt with Mosquitto's accounts and topic rules, where Mosquitto is not installed. For demonstration only.

It forgets sessions when a client takes over another's place and drops messages under load. The end-to-end
acknowledgements of docs/protocol.md cover that between gateway and centre, and for devices that repeat themselves; what
Zigbee2MQTT says while a killed gateway is away is lost with it. Never run it in production.
"""

import asyncio
import json
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from simulators.broker_rules import BrokerRules, read_rules

WARNING = "This broker (amqtt) is for demonstration only: install mosquitto for everything else."


class AccountsPlugin(BaseAuthPlugin):
    """Lets in who the configuration lets in."""

    @dataclass
    class Config:
        """Options in the broker's configuration."""

        rules: BrokerRules

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules: BrokerRules = self._get_config_option("rules")

    async def authenticate(self, *, session: Session) -> bool:
        return self._rules.may_connect(session.username, session.password)


class TopicsPlugin(BaseTopicPlugin):
    """Applies the topic rules to publishing, subscribing and receiving."""

    @dataclass
    class Config:
        """Options in the broker's configuration."""

        rules: BrokerRules

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules: BrokerRules = self._get_config_option("rules")

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        user = session.username if session else None
        return topic is not None and self._rules.allows(user, "write" if action == Action.PUBLISH else "read", topic)


async def serve(config: Path) -> None:
    """Runs until SIGTERM or SIGINT. Raises OSError or ValueError when the configuration cannot be used."""
    rules = read_rules(config)
    here = "simulators.amqtt_broker"
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": rules.bind}},
            "plugins": {f"{here}.AccountsPlugin": {"rules": rules}, f"{here}.TopicsPlugin": {"rules": rules}},
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    print(json.dumps({"event": "ready", "broker": "amqtt", "bind": rules.bind, "warning": WARNING}), file=sys.stderr)  # noqa: T201
    await stop.wait()
    await broker.shutdown()


def run(config: Path) -> int:
    """The command: exit code 0 after a stop, 3 when it could not start."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(serve(config))
    except (OSError, ValueError) as error:
        print(f"anhu-sim broker: {error}", file=sys.stderr)  # noqa: T201
        return 3
    return 0
