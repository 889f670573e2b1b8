"""Finishing the erasures that had to wait for a purchase."""

from matinee.platform.db import Database
from matinee.platform.operators import list_operators
from matinee.purchases.operations.erasing import being_erased, finish_if_settled


async def finish_erasures(database: Database) -> int:
    """Finish what no open purchase holds up any more, in every operator; returns how many were finished."""
    async with database.directory() as tx:
        operators = await list_operators(tx)
    finished = 0
    for operator in operators:
        async with database.transaction(operator.operator_id) as tx:
            waiting = await being_erased(tx, operator_id=operator.operator_id, before=await tx.now())
        for customer_id in waiting:
            async with database.transaction(operator.operator_id) as tx:
                finished += await finish_if_settled(
                    tx, operator_id=operator.operator_id, customer_id=customer_id
                )
    return finished
