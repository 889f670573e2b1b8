"""What a fail-over to a standby that lagged would do: the database forgets a purchase that billing has charged.

Such standbys are refused in production; what is bought again must all the same not be charged again wherever
billing can be asked, or knows the reference.
"""

import pytest
from tests.integration.purchases.conftest import Stage
from tests.simulation.scene import Scene
from tests.simulation.seeded import ONLY_IDEMPOTENT, A, B

from matinee.platform.db import Database
from matinee.provisions.types import Capabilities
from matinee.purchases.types import PurchaseState

_TABLES = (
    "outgoing_events", "billing_attempts", "purchase_events", "entitlements", "ledger_entries", "purchase_keys",
    "purchases",
)  # fmt: skip


async def forget(owner: Database, scene: Scene) -> None:
    """Delete all that the scene's customer ever bought, as if it had never been committed."""
    async with owner.transaction(scene.operator_id) as tx:
        for table in _TABLES:
            await tx.execute(f"DELETE FROM {table} WHERE operator_id = $1", scene.operator_id)


@pytest.mark.parametrize("capabilities", [A, ONLY_IDEMPOTENT, B])
def test_a_forgotten_purchase_is_not_charged_again_on_another_device(
    stage: Stage, capabilities: Capabilities
) -> None:
    async def life(scene: Scene) -> None:
        forgotten = await scene.buy()
        assert scene.standing(forgotten) == 1
        await forget(stage.owner, scene)
        assert await scene.purchases() == []
        signed = await scene.quote()
        assert signed is not None
        scene.confirm(signed, device=1)
        await scene.work()
        (again,) = await scene.purchases()
        assert again.state is PurchaseState.GRANTED
        assert again.reference == forgotten.reference
        assert len([charge for charges in scene.billing.charges.values() for charge in charges]) == 1

    stage.play(life, capabilities=capabilities)
