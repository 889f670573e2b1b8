"""A test call: noted before it is sent, kept with its answer afterwards."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotFound
from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.rounds import ROWS_AT_ONCE
from matinee.platform.try_limits import TryLimit, take_try
from matinee.provisions.queries.call_tests import Kept, get_call_test
from matinee.provisions.queries.provisions import billing_version, get_provision
from matinee.provisions.rules import call_url
from matinee.provisions.types import (
    BillingTarget,
    CallName,
    CallTest,
    ExchangeRecord,
    OAuth2Auth,
    ProvisionConfig,
)

MOST_TEST_CALLS: Final = 20
"""Test calls of one provision in 15 minutes: it must not become a way to scan a host."""

MOST_OF_AN_OPERATOR: Final = 60
"""Of all its provisions together: a new provision for each host must not become a way to scan a network."""


CALL_TESTS_KEPT: Final = timedelta(days=90)
"""How long test calls are kept: their page shows the newest, and no purchase rests on any."""


async def begin_call_test(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    call: CallName,
    reference: str,
    actor: Actor,
    now: datetime,
    unsaved: ProvisionConfig | None = None,
) -> BillingTarget:
    """Note that somebody makes a test call, and return whom it goes to. Raises NotFound, TooMany.

    `unsaved`: settings to call with instead of those that are saved; the caller has checked them.
    """
    limits = [
        TryLimit(f"test-call:{provision_id}", MOST_TEST_CALLS),
        TryLimit("test-call-operator", MOST_OF_AN_OPERATOR),
    ]
    await take_try(tx, operator_id=operator_id, limits=limits, now=now)
    provision = await get_provision(tx, operator_id=operator_id, provision_id=provision_id)
    config = provision.config if unsaved is None else unsaved
    if getattr(config, call) is None:
        raise NotFound(f"The provision has no {call} call.")
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.test_call", subject_kind="provision",
        subject_id=provision_id, now=now,
        details={"call": call, "reference": reference, "version": provision.version}
        | _unsaved(config, provision.config, call),
    )  # fmt: skip
    target, _ = await billing_version(
        tx, operator_id=operator_id, provision_id=provision_id, version=provision.version
    )
    return msgspec.structs.replace(target, config=config)


def _unsaved(config: ProvisionConfig, saved: ProvisionConfig, call: CallName) -> dict[str, object]:
    """Return what the audit says of settings that nobody saved: which parts they change, and where secrets go with the
    call, as no version will tell. Never what stands in them: a constant may be a password.
    """
    changed = [name for name in config.__struct_fields__ if getattr(config, name) != getattr(saved, name)]
    if not changed:
        return {}
    second = None if call == "charge" else getattr(config, call)
    address = config.base_url if second is None else call_url(config.base_url, second.url)
    sent_to = [address] + ([config.auth.token_url] if isinstance(config.auth, OAuth2Auth) else [])
    return {"changed": changed, "unsaved_addresses": [url.partition("?")[0] for url in sent_to]}


async def keep_call_test(
    tx: Transaction,
    *,
    target: BillingTarget,
    reference: str,
    record: ExchangeRecord,
    found: dict[str, str],
    actor: Actor,
    now: datetime,
    unsaved: bool = False,
) -> CallTest:
    """Keep what came of a test call."""
    test_call_id = new_id()
    await tx.execute(
        """INSERT INTO test_calls (operator_id, provision_id, test_call_id, version, reference, exchange,
                                   created_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)""",
        target.operator_id, target.provision_id, test_call_id, target.version, reference,
        msgspec.json.encode(Kept(record=record, found=found, unsaved=unsaved)).decode(), actor.name, now,
    )  # fmt: skip
    return await get_call_test(
        tx, operator_id=target.operator_id, provision_id=target.provision_id, test_call_id=test_call_id
    )


async def forget_call_tests(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Forget old test calls; returns how many, a bounded number a call."""
    return await tx.changed(
        """DELETE FROM test_calls t USING (
               SELECT operator_id, provision_id, test_call_id FROM test_calls
               WHERE operator_id = $1 AND created_at < $2
               ORDER BY created_at LIMIT $3) old
           WHERE t.operator_id = old.operator_id AND t.provision_id = old.provision_id
             AND t.test_call_id = old.test_call_id""",
        operator_id, now - CALL_TESTS_KEPT, ROWS_AT_ONCE,
    )  # fmt: skip
