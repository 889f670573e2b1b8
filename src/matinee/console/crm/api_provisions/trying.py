"""A test call with what stands in the editor, saved or not. Secrets are those that are set; they stay here."""

from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.crm.api_provisions.call_tests import (
    WORDS,
    TestCallForm,
    send_test,
    told_by,
)
from matinee.console.crm.api_provisions.form import ProvisionForm, config_of
from matinee.console.forms import ConsoleForm, read_form, show_errors
from matinee.console.rendering import render_fragment
from matinee.console.services import (
    ConsoleDatabase,
    ConsoleRequest,
    CurrentOperator,
    CurrentStaff,
    Egress,
    Gateway,
)
from matinee.kernel.errors import Invalid, TooMany
from matinee.kernel.ids import parse_id
from matinee.provisions.queries import get_provision
from matinee.provisions.rules import validated_config
from matinee.staff.types import Role

_FRAGMENT = "crm/api_provisions/_tried.html"
_TEST_FIELDS = ("call", "userid", "customer_mapping_id", "price", "reference", "agreed")


@post("/crm/products/api-provisions/{key:str}/try", guards=[allow(Role.INTEGRATION)], status_code=200)
async def try_settings(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    gateway: Gateway,
    egress: Egress,
    key: FromPath[str],
) -> Response[Any]:
    """Send one real request as the form's settings make it, and show both sides; nothing is saved but the call.

    The settings pass the same checks as when they are saved, addresses included, before anything is sent.
    """
    provision_id = parse_id(key)
    form = await read_form(request, ProvisionForm, besides=_TEST_FIELDS)
    asked = await read_form(request, TestCallForm, besides=tuple(await request.form()))
    form.drop_empty_rows()
    async with database.transaction(operator.operator_id) as tx:
        saved = await get_provision(tx, operator_id=operator.operator_id, provision_id=provision_id)
    try:
        config = validated_config(
            msgspec.structs.replace(config_of(form), api_type=saved.api_type), policy=egress
        )
    except Invalid as error:
        form.show(error)
        return _refused(request, form, 422)
    if getattr(config, asked.chosen) is None:
        show_errors(asked, Invalid({"call": "The settings above have no such call."}))
        return _refused(request, asked, 422)
    try:
        made = await send_test(
            database,
            gateway,
            operator=operator,
            provision_id=provision_id,
            form=asked,
            staff=staff,
            unsaved=None if config == saved.config else config,
        )
    except Invalid as error:
        show_errors(asked, error)
        return _refused(request, asked, 422)
    except TooMany as error:
        asked.general_problems.append(error.message)
        return _refused(request, asked, 429)
    return render_fragment(request, _FRAGMENT, form=None, test=made, told=told_by(made, config), **WORDS)


def _refused(request: ConsoleRequest, form: ConsoleForm, status: int) -> Response[Any]:
    return render_fragment(request, _FRAGMENT, status=status, form=form, test=None)


ROUTES = [try_settings]
