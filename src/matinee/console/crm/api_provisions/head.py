"""What every page of one provision has in common: the head with its class and state, and the tabs."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response

from matinee.console.crm.provision_words import CAPABILITY, CLASS
from matinee.console.rendering import render
from matinee.console.services import ConsoleRequest
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import current_capabilities, get_provision
from matinee.provisions.rules import provision_class
from matinee.provisions.types import Capabilities, Provision

PATH: Final = "/console/crm/products/api-provisions"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A provision, and what its current version was proved to do."""

    provision: Provision
    capabilities: Capabilities

    @property
    def provision_class(self) -> str:
        return provision_class(self.capabilities)

    @property
    def path(self) -> str:
        return f"{PATH}/{self.provision.provision_id}"

    @property
    def needs_acceptance(self) -> bool:
        """Whether nothing is sold through it until somebody accepts class D, or a probe shows better."""
        return self.provision_class == "D" and self.provision.class_d is None


async def read_head(tx: Transaction, operator: Operator, provision_id: UUID) -> Head:
    """Return what the head of a page needs. Raises NotFound."""
    ids: dict[str, Any] = {"operator_id": operator.operator_id, "provision_id": provision_id}
    return Head(provision=await get_provision(tx, **ids), capabilities=await current_capabilities(tx, **ids))


def show(
    request: ConsoleRequest, tab: str, head: Head, *, status: int = 200, template: str = "", **context: Any
) -> Response[Any]:
    """Render one page of a provision; its template has the tab's name unless another is named."""
    return render(
        request,
        f"crm/api_provisions/{template or tab}.html",
        status=status,
        tab=tab,
        head=head,
        provision=head.provision,
        word=CLASS[head.provision_class],
        capability_words=CAPABILITY,
        **context,
    )
