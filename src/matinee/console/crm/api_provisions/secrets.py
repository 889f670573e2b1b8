"""The secrets of a provision: set and replaced here, never shown. Every call uses the newest text."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from wtforms import HiddenField, PasswordField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.forms import ConsoleForm, read_form, show_errors
from matinee.console.rendering import redirect
from matinee.console.services import Box, ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.operations import delete_secret, set_secret
from matinee.provisions.queries import list_secret_names
from matinee.provisions.rules import secret_names
from matinee.provisions.rules.callbacks import callback_url
from matinee.provisions.types import Provision
from matinee.staff.types import Role


class SecretState(msgspec.Struct, frozen=True, kw_only=True):
    """A secret by its name: who set it when (None: nobody yet), and whether the settings use it."""

    name: str
    set_by: str | None = None
    set_at: datetime | None = None
    is_used: bool


class SecretForm(ConsoleForm):
    name = HiddenField()
    text = PasswordField("The secret")


def callback_address(operator: Operator, provision_id: UUID) -> str:
    """Return where billing may tell that something happened."""
    return callback_url(operator.host, provision_id)


async def secret_states(tx: Transaction, *, operator: Operator, provision: Provision) -> list[SecretState]:
    """Return the secrets that the settings use, and those that are still kept besides."""
    kept = {
        entry.name: entry
        for entry in await list_secret_names(
            tx, operator_id=operator.operator_id, provision_id=provision.provision_id
        )
    }
    used = sorted(secret_names(provision.config))
    return [
        SecretState(
            name=name,
            set_by=kept[name].updated_by if name in kept else None,
            set_at=kept[name].updated_at if name in kept else None,
            is_used=name in used,
        )
        for name in [*used, *(name for name in kept if name not in used)]
    ]


@post("/crm/products/api-provisions/{key:str}/secrets", guards=[allow(Role.INTEGRATION)], status_code=303)
async def save_secret(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    secret_box: Box,
    key: FromPath[str],
) -> Response[Any]:
    """Set or replace one secret."""
    form, provision_id = await read_form(request, SecretForm), parse_id(key)
    name = form.name.data or ""
    try:
        async with database.transaction(operator.operator_id) as tx:
            await set_secret(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                name=name,
                text=form.text.data or "",
                box=secret_box,
                actor=staff.actor,
                now=await tx.now(),
            )
    except Invalid as error:
        show_errors(form, error)
        async with database.transaction(operator.operator_id) as tx:
            head = await read_head(tx, operator, provision_id)
        return show(request, "settings", head, status=422, template="secret", form=form, name=name)
    return redirect(
        request, f"{PATH}/{provision_id}#secrets", toast=f"Secret {name} is set. It counts at once."
    )


@post(
    "/crm/products/api-provisions/{key:str}/secrets/delete", guards=[allow(Role.INTEGRATION)], status_code=303
)
async def forget_secret(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Forget one secret."""
    form, provision_id = await read_form(request, SecretForm), parse_id(key)
    async with database.transaction(operator.operator_id) as tx:
        await delete_secret(
            tx,
            operator_id=operator.operator_id,
            provision_id=provision_id,
            name=form.name.data or "",
            actor=staff.actor,
            now=await tx.now(),
        )
    return redirect(request, f"{PATH}/{provision_id}#secrets", toast="The secret is forgotten.")


ROUTES = [save_secret, forget_secret]
