"""What every test may use and must obey.

Nothing leaves this machine, nothing blocks the loop, nothing is skipped in silence.
"""

import inspect
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support import needs
from tests.support.clock import FakeClock
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.strict import guards


@pytest.fixture(autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuses connections to other machines and, in async tests, blocking calls on the loop, even swallowed."""
    function = getattr(request, "function", None)
    with guards(watch_loop=inspect.iscoroutinefunction(function)) as refused:
        yield
    if refused:
        pytest.fail("\n".join(f"{type(e).__name__}: {e}" for e in refused), pytrace=False)


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves when the test says so."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole run; see tests/support/postgres.py for which."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """SQLAlchemy URL of a fresh, empty database, dropped afterwards."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium."""
    return str(needs.chromium())


@pytest.fixture(scope="session")
def mosquitto() -> str:
    """Path of an installed Mosquitto."""
    return str(needs.mosquitto())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in the last lines what did not run, so that "passed" is not taken for "everything was tested"."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        where_and_why = report.longrepr
        why = where_and_why[2] if isinstance(where_and_why, tuple) else str(where_and_why)
        reasons[why.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("not tested on this machine", sep="-")
        for why, count in reasons.most_common():
            terminalreporter.write_line(f"{count} test{'s' if count > 1 else ''}: {why}")
