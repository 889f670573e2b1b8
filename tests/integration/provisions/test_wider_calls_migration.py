"""A database from before the wider calls keeps its provisions: every stored version reads as it did."""

import json
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from matinee.kernel.ids import new_id
from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.provisions.queries import decode_config
from matinee.provisions.types import (
    AnswerFields,
    CallConfig,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)

OPERATOR = new_id()

_KEYS = [
    {"parameter": "ref", "platform_value": "reference", "constant": None},
    {"parameter": "shop", "platform_value": None, "constant": "7"},
]


def _match(status: str, *, contains: str | None = None, equals: str | None = None) -> dict[str, Any]:
    return {"status_text": status, "body_contains": contains, "body_equals": equals}


PLAIN = {
    "name": "Plain", "base_url": "https://www.operator.com/rentals", "api_type": "movie",
    "charge": {"key_map": _KEYS, "success": _match("200 OK"), "no_success": _match("402 Payment Required")},
    "status": None, "refund": None, "timeout_seconds": 10, "longest_processing_seconds": 0,
    "echo": {
        "reference": None, "amount": None, "currency": None, "transaction_id": None, "decline_reason": None,
    },
}  # fmt: skip
FULL = PLAIN | {
    "name": "Full",
    "charge": {
        "key_map": _KEYS, "success": _match("200", contains="yes"), "no_success": _match("200", equals="no"),
    },
    "status": {
        "url": "/status", "key_map": _KEYS, "charged": _match("200 OK"), "declined": _match("402"),
        "not_found": _match("404", contains="unknown"), "charges": "/data/charges", "charge_id": "",
        "reference": None,
    },
    "refund": {
        "url": "/refund", "key_map": _KEYS, "success": _match("200 OK"), "no_success": _match("409 Conflict"),
    },
    "echo": {
        "reference": "/reference", "amount": "", "currency": None, "transaction_id": "/id",
        "decline_reason": "/reason",
    },
    "longest_processing_seconds": 60,
}  # fmt: skip

NEW_KEYS = (
    KeyMapping(parameter="ref", platform_value=PlatformValue.REFERENCE),
    KeyMapping(parameter="shop", constant="7"),
)
NEW_PLAIN = ProvisionConfig(
    name="Plain", base_url="https://www.operator.com/rentals", charge=CallConfig(key_map=NEW_KEYS)
)
NEW_FULL = ProvisionConfig(
    name="Full",
    base_url="https://www.operator.com/rentals",
    charge=CallConfig(
        key_map=NEW_KEYS,
        success=answer_rule("200", contains="yes"),
        no_success=answer_rule("200", equals="no"),
    ),
    status=StatusCall(
        url="/status",
        key_map=NEW_KEYS,
        declined=answer_rule("402"),
        not_found=answer_rule("404", contains="unknown"),
        charges=json_place("/data/charges"),
        charge_id="",
    ),
    refund=RefundCall(url="/refund", key_map=NEW_KEYS, no_success=answer_rule("409 Conflict")),
    answer=AnswerFields(
        reference=json_place("/reference"),
        amount=json_place(""),
        transaction_id=json_place("/id"),
        decline_reason=json_place("/reason"),
    ),
    longest_processing_seconds=60,
)


def _store(url: str, configs: list[dict[str, Any]]) -> None:
    """Store one provision as it was written before, with a version for each of `configs`."""
    provision_id = new_id()
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO operators (operator_id, slug, name, time_zone, currency, country, locale,"
            " tax_rate_basis_points, cms_name, crm_name)"
            " VALUES (%s, 'meridian', 'Meridian', 'Europe/Amsterdam', 'EUR', 'NL', 'en', 2100, 'cms', 'crm')",
            [OPERATOR],
        )
        connection.execute("SELECT set_config('matinee.operator_id', %s, false)", [str(OPERATOR)])
        connection.execute(
            "INSERT INTO provisions (operator_id, provision_id, name, api_type, current_version, created_at,"
            " updated_at) VALUES (%s, %s, 'Billing', 'movie', 1, clock_timestamp(), clock_timestamp())",
            [OPERATOR, provision_id],
        )
        for number, config in enumerate(configs, start=1):
            connection.execute(
                "INSERT INTO provision_versions (operator_id, provision_id, version, config, created_by,"
                " created_at) VALUES (%s, %s, %s, %s, 'test', clock_timestamp())",
                [OPERATOR, provision_id, number, json.dumps(config)],
            )


def _run(url: str, statement: LiteralString) -> list[Any]:
    """Run a statement for the operator, as row-level security demands of everybody."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('matinee.operator_id', %s, false)", [str(OPERATOR)])
        return [row[0] for row in connection.execute(statement).fetchall()]


@pytest.fixture
def before(postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgresInfo]:
    """A database with the schema from before, and one provision in two versions."""
    name = f"wider_{new_id().hex}"
    info = postgres.create_database(name)
    migrate(info.owner_url, "0006")
    _store(info.owner_url, [PLAIN, FULL])
    yield info
    postgres.drop_database(name)


def test_every_stored_version_reads_as_it_did(before: EmbeddedPostgresInfo) -> None:
    migrate(before.owner_url, "0007")
    texts = _run(before.owner_url, "SELECT config::text FROM provision_versions ORDER BY version")
    assert [decode_config(text) for text in texts] == [NEW_PLAIN, NEW_FULL]


def test_the_owner_is_bound_again_and_any_api_type_fits(before: EmbeddedPostgresInfo) -> None:
    migrate(before.owner_url, "0007")
    with psycopg.connect(before.owner_url) as nobody:
        assert nobody.execute("SELECT version FROM provision_versions").fetchall() == []
    _run(before.owner_url, "UPDATE provisions SET api_type = 'live_event' RETURNING 1")
    with pytest.raises(psycopg.errors.CheckViolation):
        _run(before.owner_url, "UPDATE provisions SET api_type = 'Live!' RETURNING 1")
