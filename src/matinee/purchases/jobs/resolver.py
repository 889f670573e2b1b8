"""The resolver: the loop in every worker that does what is due for purchases and reversals."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal
from uuid import UUID

import msgspec

from matinee.platform.due_work import PER_OPERATOR, DueWork
from matinee.purchases.jobs.resolve import check
from matinee.purchases.jobs.reverse import check_reversal
from matinee.purchases.services import PurchaseServices

LOOK_AT = 200
"""Rows of each kind that are read at a time."""


class CheckKey(msgspec.Struct, frozen=True):
    """Names one check that is due: of a purchase or of a reversal."""

    kind: Literal["purchase", "reversal"]
    operator_id: UUID
    customer_id: UUID
    row_id: UUID


class Resolver(DueWork[CheckKey]):
    """Runs the checks that are due, until it is stopped."""

    def __init__(self, services: PurchaseServices) -> None:
        super().__init__("resolver", look=self._due, do=self._check)
        self._services = services

    async def _due(self, busy: Sequence[UUID]) -> list[CheckKey]:
        async with self._services.database.directory() as tx:
            limits = (await tx.now(), LOOK_AT + self.resting, PER_OPERATOR + self.resting, busy)
            purchases = await tx.fetch("SELECT * FROM due_purchases($1, $2, $3, $4)", *limits)
            reversals = await tx.fetch("SELECT * FROM due_reversals($1, $2, $3, $4)", *limits)
        checks = [CheckKey("purchase", *row) for row in purchases]
        refunds = [CheckKey("reversal", *row) for row in reversals]
        # By turns: neither of the two takes the places of the other.
        return [key for pair in zip_longest(checks, refunds) for key in pair if key is not None]

    async def _check(self, key: CheckKey) -> None:
        if key.kind == "purchase":
            await check(
                self._services,
                operator_id=key.operator_id,
                customer_id=key.customer_id,
                purchase_id=key.row_id,
            )
            return
        await check_reversal(
            self._services, operator_id=key.operator_id, customer_id=key.customer_id, reversal_id=key.row_id
        )
