"""Write the secrets of a provision. They are live: no version holds them, and every call uses the newest text."""

from datetime import datetime
from uuid import UUID

from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.sealing import seal_secret
from matinee.provisions.queries.provisions import NO_PROVISION, get_provision
from matinee.provisions.queries.secrets import list_secret_names
from matinee.provisions.rules.secret_texts import MOST_SECRETS, checked_secret, secret_names


async def set_secret(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    name: str,
    text: str,
    box: SecretBox,
    actor: Actor,
    now: datetime,
) -> None:
    """Store a secret, or put a new text in its place. From then on every call uses it, whatever its version.

    Raises NotFound and Invalid (`name`, `text`).
    """
    checked_secret(name, text)
    await _lock(tx, operator_id, provision_id)
    entries = await list_secret_names(tx, operator_id=operator_id, provision_id=provision_id)
    names = {entry.name for entry in entries}
    if len(names | {name}) > MOST_SECRETS:
        raise Invalid({"name": f"A provision has at most {MOST_SECRETS} secrets."})
    sealed = seal_secret(box, text, operator_id=operator_id, provision_id=provision_id, name=name)
    await tx.execute(
        """INSERT INTO provision_secrets (operator_id, provision_id, name, sealed, created_by, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (operator_id, provision_id, name)
           DO UPDATE SET sealed = excluded.sealed, created_by = excluded.created_by,
                         updated_at = excluded.updated_at""",
        operator_id, provision_id, name, sealed, actor.name, now,
    )  # fmt: skip
    await audit.record(
        tx, operator_id=operator_id, actor=actor,
        action="provision.secret_replaced" if name in names else "provision.secret_set",
        subject_kind="provision", subject_id=provision_id, now=now, details={"name": name},
    )  # fmt: skip


async def delete_secret(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, name: str, actor: Actor, now: datetime
) -> None:
    """Forget a secret. Raises NotFound, and Conflict (`secret_in_use`) while the current version uses it.

    Calls for purchases made with an older version that uses it are not sent from then on.
    """
    await _lock(tx, operator_id, provision_id)
    provision = await get_provision(tx, operator_id=operator_id, provision_id=provision_id)
    if name in secret_names(provision.config):
        raise Conflict(
            f"The provision uses the secret {name}. Take it out of the settings first.", code="secret_in_use"
        )
    tag = await tx.execute(
        "DELETE FROM provision_secrets WHERE operator_id = $1 AND provision_id = $2 AND name = $3",
        operator_id, provision_id, name,
    )  # fmt: skip
    if tag != "DELETE 1":
        raise NotFound("There is no such secret.")
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="provision.secret_deleted",
        subject_kind="provision", subject_id=provision_id, now=now, details={"name": name},
    )  # fmt: skip


async def _lock(tx: Transaction, operator_id: UUID, provision_id: UUID) -> None:
    known = await tx.fetchval(
        "SELECT 1 FROM provisions WHERE operator_id = $1 AND provision_id = $2 FOR UPDATE",
        operator_id, provision_id,
    )  # fmt: skip
    if known is None:
        raise NotFound(NO_PROVISION)
