"""Writing PPV rules. A purchase keeps the terms it was sold with, so none of this touches what was sold."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import UniqueViolationError

from matinee.kernel.errors import EditedMeanwhile, Invalid
from matinee.kernel.ids import new_id
from matinee.offers.queries.ppv_rules import get_ppv_rule
from matinee.offers.rules import check_ppv_rule
from matinee.offers.types import PpvRule, PpvRuleDraft
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction


async def create_ppv_rule(
    tx: Transaction, *, operator_id: UUID, draft: PpvRuleDraft, actor: Actor, now: datetime
) -> PpvRule:
    """Add a rule. Raises Invalid (name, quantity, finish_window_hours)."""
    check_ppv_rule(draft)
    rule_id = new_id()
    with _name_taken():
        await tx.execute(
            """INSERT INTO ppv_rules (operator_id, rule_id, name, unit, quantity, finish_window_hours,
                                      created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7)""",
            operator_id, rule_id, draft.name.strip(), draft.unit.value, draft.quantity,
            draft.finish_window_hours, now,
        )  # fmt: skip
    await _record(tx, operator_id, rule_id, actor, "ppv_rule.created", now, msgspec.to_builtins(draft))
    return await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)


async def update_ppv_rule(
    tx: Transaction,
    *,
    operator_id: UUID,
    rule_id: UUID,
    version: int,
    draft: PpvRuleDraft,
    actor: Actor,
    now: datetime,
) -> PpvRule:
    """Change a rule that stands at `version`; saying the same again changes nothing.

    Raises Invalid, NotFound, and Conflict (`edited_meanwhile`) when somebody else saved meanwhile.
    """
    check_ppv_rule(draft)
    before = await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)
    if before.version != version:
        raise EditedMeanwhile("this rule")
    changes = _changes(before.draft, draft)
    if not changes:
        return before
    with _name_taken():
        done = await tx.execute(
            """UPDATE ppv_rules
               SET name = $4, unit = $5, quantity = $6, finish_window_hours = $7,
                   version = version + 1, updated_at = $8
               WHERE operator_id = $1 AND rule_id = $2 AND version = $3""",
            operator_id, rule_id, version, draft.name.strip(), draft.unit.value, draft.quantity,
            draft.finish_window_hours, now,
        )  # fmt: skip
    if done != "UPDATE 1":
        raise EditedMeanwhile("this rule")
    await _record(tx, operator_id, rule_id, actor, "ppv_rule.updated", now, changes)
    return await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)


async def archive_ppv_rule(
    tx: Transaction, *, operator_id: UUID, rule_id: UUID, actor: Actor, now: datetime
) -> PpvRule:
    """Take a rule out of the choices; what uses it goes on selling by it. Raises NotFound."""
    done = await tx.execute(
        """UPDATE ppv_rules SET archived_at = $3, updated_at = $3
           WHERE operator_id = $1 AND rule_id = $2 AND archived_at IS NULL""",
        operator_id, rule_id, now,
    )  # fmt: skip
    if done == "UPDATE 1":
        await _record(tx, operator_id, rule_id, actor, "ppv_rule.archived", now, {})
    return await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)


async def unarchive_ppv_rule(
    tx: Transaction, *, operator_id: UUID, rule_id: UUID, actor: Actor, now: datetime
) -> PpvRule:
    """Put an archived rule back. Raises NotFound, and Invalid (name) when another has its name by now."""
    with _name_taken():
        done = await tx.execute(
            """UPDATE ppv_rules SET archived_at = NULL, updated_at = $3
               WHERE operator_id = $1 AND rule_id = $2 AND archived_at IS NOT NULL""",
            operator_id, rule_id, now,
        )  # fmt: skip
    if done == "UPDATE 1":
        await _record(tx, operator_id, rule_id, actor, "ppv_rule.unarchived", now, {})
    return await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)


def _changes(before: PpvRuleDraft, after: PpvRuleDraft) -> dict[str, Any]:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    new["name"] = after.name.strip()
    return {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}


@contextmanager
def _name_taken() -> Iterator[None]:
    try:
        yield
    except UniqueViolationError as error:
        raise Invalid(
            {"name": "Another rule has this name already. Viewers must be able to tell them apart."}
        ) from error


async def _record(
    tx: Transaction,
    operator_id: UUID,
    rule_id: UUID,
    actor: Actor,
    action: str,
    now: datetime,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action=action, subject_kind="ppv_rule",
        subject_id=rule_id, now=now, details=details,
    )  # fmt: skip
