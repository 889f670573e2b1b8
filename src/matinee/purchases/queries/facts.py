"""Everything that selling one item to one customer rests on, read by one statement.

Read one after the other these took a round trip each, and a confirmation eighteen (docs/performance.md). The rules
that judge them are in `operations.quoting` and `operations.confirming`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from matinee.platform.db import Transaction
from matinee.provisions.queries import BILLING_VERSION


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is so at one moment. A customer's own rows are only certain under the lock on the customer.

    `earlier_*`: what the idempotency key led to before. `holder_id`: the purchase in the slot, whose right may be
    over. `generation`: of the next purchase in the slot. Documents are the published ones, None where there is none;
    `live_*` is the item in the CMS, `provision_*` the provision that the published product names
    for this kind of item, `billing_*` the version of a provision that was asked for, else the one that it names
    (`provisions.queries.read_billing_version`), and `breaker_*` whether that provision's billing is being left
    alone (`operations.gate`).
    """

    earlier_digest: bytes | None
    earlier_id: UUID | None
    holder_id: UUID | None
    generation: int
    product_document: str | None
    item_document: str | None
    live_item_id: UUID | None
    live_payment_method: str | None
    live_withdrawn_at: datetime | None
    live_archived_at: datetime | None
    live_licence_ends_at: datetime | None
    live_ends_at: datetime | None
    provision_id: UUID | None
    provision_switched_off_at: datetime | None
    class_d_accepted: bool
    product_mapping_id: str
    billing_config: str | None
    billing_probes: str | None
    billing_secrets: str | None
    breaker_open_until: datetime | None
    breaker_trial_until: datetime | None


_FACTS = f"""
    SELECT key.quote_digest AS earlier_digest, key.purchase_id AS earlier_id,
           (SELECT h.purchase_id FROM purchases h
            WHERE h.operator_id = asked.operator_id AND h.customer_id = asked.customer_id
              AND h.item_kind = asked.item_kind AND h.item_id = asked.item_id AND h.slot_released_at IS NULL
           ) AS holder_id,
           -- It rises after every release except that of NOT_SENT.
           (SELECT coalesce(max(g.generation) FILTER (WHERE g.state <> 'NOT_SENT') + 1, 0) FROM purchases g
            WHERE g.operator_id = asked.operator_id AND g.customer_id = asked.customer_id
              AND g.item_kind = asked.item_kind AND g.item_id = asked.item_id
           ) AS generation,
           sold.document::text AS product_document, shown.document::text AS item_document,
           i.item_id AS live_item_id, i.payment_method AS live_payment_method,
           i.withdrawn_at AS live_withdrawn_at, i.archived_at AS live_archived_at,
           i.licence_ends_at AS live_licence_ends_at, l.ends_at AS live_ends_at,
           p.provision_id, p.switched_off_at AS provision_switched_off_at,
           p.class_d_accepted_at IS NOT NULL AS class_d_accepted, product.mapping_id AS product_mapping_id,
           breaker.open_until AS breaker_open_until, breaker.trial_until AS breaker_trial_until,
           {BILLING_VERSION}
    FROM (SELECT $1::uuid AS operator_id, $2::uuid AS customer_id, $3::text AS item_kind, $4::uuid AS item_id,
                 $5::uuid AS product_id, $6::text AS section, $7::uuid AS key,
                 coalesce($8::uuid, (named.pointer ->> 'provision_id')::uuid) AS provision_id,
                 coalesce($9::integer, (named.pointer ->> 'version')::integer) AS provision_version
          FROM (SELECT (SELECT i.document #> ARRAY['provisions', $3] FROM published_items i
                        WHERE i.operator_id = $1 AND i.section = 'products' AND i.item_id = $5) AS pointer
               ) AS named) AS asked
    JOIN products product ON product.operator_id = asked.operator_id AND product.product_id = asked.product_id
    LEFT JOIN purchase_keys key ON key.operator_id = asked.operator_id AND key.customer_id = asked.customer_id
                               AND key.idempotency_key = asked.key
    LEFT JOIN published_items sold ON sold.operator_id = asked.operator_id AND sold.section = 'products'
                                  AND sold.item_id = asked.product_id
    LEFT JOIN published_items shown ON shown.operator_id = asked.operator_id AND shown.section = asked.section
                                   AND shown.item_id = asked.item_id AND shown.document->>'kind' = asked.item_kind
    LEFT JOIN items i ON i.operator_id = asked.operator_id AND i.item_kind = asked.item_kind
                     AND i.item_id = asked.item_id
    LEFT JOIN live_events l ON asked.item_kind = 'live_event' AND l.operator_id = asked.operator_id
                           AND l.item_id = asked.item_id
    LEFT JOIN provisions p ON p.operator_id = asked.operator_id
                          AND p.provision_id = (sold.document #>> ARRAY['provisions', asked.item_kind,
                                                                        'provision_id'])::uuid
    LEFT JOIN provision_breakers breaker ON breaker.operator_id = asked.operator_id
                                        AND breaker.provision_id = asked.provision_id
"""


async def sale_facts(
    tx: Transaction,
    *,
    operator_id: UUID,
    customer_id: UUID,
    product_id: UUID,
    section: str,
    item_kind: str,
    item_id: UUID,
    key: UUID | None = None,
    provision_id: UUID | None = None,
    provision_version: int | None = None,
) -> Facts:
    """Return the facts for one customer, who has `product_id`, and one item.

    A confirmation also asks for its key, and for the version of the provision that its quote names.
    """
    row = await tx.fetchrow(
        _FACTS, operator_id, customer_id, item_kind, item_id, product_id, section, key,
        provision_id, provision_version,
    )  # fmt: skip
    if row is None:
        raise LookupError("a customer has a product that does not exist")
    return Facts(**dict(row))
