"""Forgetting what is old, at every operator: the domains say what and how old, docs/operations.md tells it."""

from typing import Final

import procrastinate
import structlog

from matinee.entitlements.operations import forget_sessions
from matinee.platform.db import Database
from matinee.platform.jobs import forget_ended_jobs
from matinee.platform.rounds import Batch, sweep
from matinee.platform.storage import ObjectStorage
from matinee.platform.try_limits import forget_tries
from matinee.provisions.operations.call_tests import forget_call_tests
from matinee.purchases.operations.receipts import forget_receipts
from matinee.reconciliation.jobs import remove_old_contents
from matinee.webhooks.operations import forget_events

_SWEPT: Final[dict[str, Batch]] = {
    "tries": forget_tries,
    "callback_receipts": forget_receipts,
    "outgoing_events": forget_events,
    "playback_sessions": forget_sessions,
    "test_calls": forget_call_tests,
}

_log = structlog.get_logger(__name__)


async def forget_what_is_old(
    app: procrastinate.App, database: Database, storage: ObjectStorage
) -> dict[str, int]:
    """Forget everything whose time is over, in batches; returns how much of what. `app` is open."""
    forgotten = {name: await sweep(database, batch) for name, batch in _SWEPT.items()}
    forgotten["settlement_contents"] = await remove_old_contents(database, storage)
    if any(forgotten.values()):
        _log.info("forgotten", **forgotten)
    await forget_ended_jobs(app)
    return forgotten
