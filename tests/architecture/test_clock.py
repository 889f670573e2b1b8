"""Only the database's clock decides, read by one adapter and passed on as `now`."""

import re

from tests.architecture.source import modules, without_comments

_SQL_CLOCK = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\b(current_timestamp|current_date|current_time|localtimestamp|localtime)\b",
    re.IGNORECASE,
)
_SQL = re.compile(r"\b(select|insert|update|delete|create|alter|default|where|values)\b", re.IGNORECASE)
_ADAPTER = "matinee.platform.db.clock"
_HOST_CLOCK = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time(_ns)?)\(")
# These say when a line was logged, how long a human waited, what a picture is called, or when a request was signed,
# which the other side alone judges; they decide nothing.
_MAY_ASK_THE_HOST = (
    "matinee.platform.telemetry",
    "matinee.main.demo",
    "matinee.provisions.gateway.authentication",
)


def test_no_statement_asks_for_the_time_itself() -> None:
    asking = [
        f"{module.path}:{line}"
        for module in modules("src")
        if module.name != _ADAPTER and not module.is_below("matinee.migrations")
        for line, text in module.texts()
        if _SQL.search(text) and _SQL_CLOCK.search(without_comments(text))
    ]
    assert asking == []


def test_a_migration_that_asks_for_the_time_says_why() -> None:
    silent = [
        f"{module.path}:{number}"
        for module in modules("src/matinee/migrations")
        for number, line in enumerate(module.lines, start=1)
        if _SQL_CLOCK.search(without_comments(line)) and "--" not in line and "#" not in line
    ]
    assert silent == []


def test_no_hosts_clock_decides() -> None:
    asking = [
        f"{module.path}:{number}"
        for module in modules("src")
        if not module.is_below(*_MAY_ASK_THE_HOST)
        for number, line in enumerate(module.lines, start=1)
        if _HOST_CLOCK.search(line)
    ]
    assert asking == []
