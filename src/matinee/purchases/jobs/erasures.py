"""Finishing the erasures that had to wait for a purchase."""

from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.rounds import for_every_operator
from matinee.purchases.operations.erasing import being_erased, finish_if_settled


async def finish_erasures(database: Database) -> int:
    """Finish what no open purchase holds up any more, in every operator; returns how many were finished."""

    async def finish(operator: Operator) -> int:
        operator_id, finished = operator.operator_id, 0
        async with database.transaction(operator_id) as tx:
            waiting = await being_erased(tx, operator_id=operator_id, before=await tx.now())
        for customer_id in waiting:
            async with database.transaction(operator_id) as tx:
                finished += await finish_if_settled(tx, operator_id=operator_id, customer_id=customer_id)
        return finished

    return await for_every_operator(database, finish)
