"""The exact requests that a form's settings would send, for a chosen customer and title. Nothing is sent here.

Constants and secrets are not shown: the requests are made with a stand-in for each, which is then masked.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from matinee.catalog.queries import list_items
from matinee.catalog.types import ItemKind, ItemRow
from matinee.console.crm.provision_words import sample_values
from matinee.customers.queries import get_customer, get_product, sign_in_candidate
from matinee.kernel.paging import ListQuery
from matinee.offers.queries.ppv_rules import get_ppv_rule
from matinee.platform.db import Transaction
from matinee.platform.http.egress import with_scheme
from matinee.platform.http.messages import HttpRequest
from matinee.platform.operators import Operator
from matinee.provisions.gateway.authentication import authenticated
from matinee.provisions.rules import build_cancel, build_charge, build_refund, build_status
from matinee.provisions.types import (
    HeaderMapping,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    SecretReader,
    Values,
)

Row = TypeVar("Row", KeyMapping, HeaderMapping)
Builder = Callable[[ProvisionConfig, Values, SecretReader | None], HttpRequest]

MOST_ITEMS: Final = 200
MASK: Final = "•••"
_HIDDEN: Final = "xHIDDENx"
"""Stands for what is masked. Letters only: whatever encodes a request leaves it as it is."""

_BUILDERS: Final[tuple[tuple[str, Builder], ...]] = (
    ("charge", build_charge),
    ("status", build_status),
    ("refund", build_refund),
    ("cancel", build_cancel),
)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One request, taken apart for reading; `problem` says why there is none."""

    call: str
    method: str = ""
    address: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    problem: str = ""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """For whom and what the preview is; `notes` say what had to be invented."""

    values: Values
    notes: tuple[str, ...] = ()


async def previewable_items(tx: Transaction, *, operator: Operator, api_type: str) -> Sequence[ItemRow]:
    """Return the titles that may be chosen: those on pay per view of the provision's type, by title."""
    if api_type not in set(ItemKind):
        return ()
    query = ListQuery(filters={"payment": "ppv"}, sort="title", page_size=MOST_ITEMS)
    found = await list_items(
        tx, operator_id=operator.operator_id, kind=ItemKind(api_type), query=query, now=await tx.now()
    )
    return found.rows


async def chosen_values(
    tx: Transaction, *, operator: Operator, username: str, items: Sequence[ItemRow], item_id: str
) -> Chosen:
    """Return the values of a charge for a customer and a title; whatever is not chosen is invented."""
    values, notes = dict(sample_values(operator)), []
    currency = operator.currency
    if username:
        found = await sign_in_candidate(tx, operator_id=operator.operator_id, username=username)
        if found is None:
            notes.append(f"There is no customer with the user name {username}; an invented one is shown.")
        else:
            currency = await _put_customer(tx, operator, found.customer_id, values)
    item = next((row for row in items if str(row.item_id) == item_id), None)
    if item is not None:
        await _put_item(tx, operator, item, currency, values, notes)
    return Chosen(values=values, notes=tuple(notes))


async def _put_customer(
    tx: Transaction, operator: Operator, customer_id: UUID, values: dict[PlatformValue, str]
) -> str:
    """Write a customer's values and return the currency that it pays in."""
    ids = {"operator_id": operator.operator_id}
    customer = await get_customer(tx, **ids, customer_id=customer_id)
    product = await get_product(tx, **ids, product_id=customer.product_id)
    values |= {
        PlatformValue.USERID: customer.username,
        PlatformValue.CUSTOMER_MAPPING_ID: customer.mapping_id,
        PlatformValue.PRODUCT_MAPPING_ID: product.mapping_id,
        PlatformValue.CITY: customer.city,
        PlatformValue.STATE: customer.state,
        PlatformValue.COUNTRY: customer.country,
    }
    return product.currency


async def _put_item(
    tx: Transaction,
    operator: Operator,
    item: ItemRow,
    currency: str,
    values: dict[PlatformValue, str],
    notes: list[str],
) -> None:
    values |= {PlatformValue.CONTENT_ID: str(item.item_id), PlatformValue.CONTENT_NAME: item.title}
    price = next((price for price in item.prices if price.currency == currency), None)
    if price is None:
        notes.append(f"{item.title} has no price in {currency}; an invented price is shown.")
    else:
        values |= {PlatformValue.CONTENT_PRICE: price.plain(), PlatformValue.CURRENCY: price.currency}
    if item.rule_id is not None:
        rule = await get_ppv_rule(tx, operator_id=operator.operator_id, rule_id=item.rule_id)
        values[PlatformValue.RULE_NAME] = rule.name


def previews(config: ProvisionConfig, values: Values) -> list[Preview]:
    """Return the request of every call that the settings have, masked."""
    base = with_scheme(config.base_url) if config.base_url else "https://…"
    masked = _masked(msgspec.structs.replace(config, base_url=base))
    wanted = [(name, build) for name, build in _BUILDERS if getattr(config, name) is not None]
    return [_preview(name, build, masked, values) for name, build in wanted]


def _masked(config: ProvisionConfig) -> ProvisionConfig:
    """Return the settings with the stand-in for every constant."""
    changes = {}
    for name, _ in _BUILDERS:
        call = getattr(config, name)
        if call is not None:
            changes[name] = msgspec.structs.replace(
                call,
                key_map=tuple(_hide(row) for row in call.key_map),
                headers=tuple(_hide(row) for row in call.headers),
            )
    return msgspec.structs.replace(config, **changes)


def _hide(row: Row) -> Row:
    return msgspec.structs.replace(row, constant=_HIDDEN) if row.constant else row


def _preview(name: str, build: Builder, config: ProvisionConfig, values: Values) -> Preview:
    try:
        plain = build(config, values, lambda _: _HIDDEN)
        request = authenticated(plain, config.auth, lambda _: _HIDDEN, token=_HIDDEN)
    except ValueError as error:
        return Preview(call=name, problem=str(error) or "The address cannot be read.")
    hidden = [_HIDDEN, *request.secrets[len(plain.secrets) :]]
    address, _, query = request.url.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return Preview(
        call=name,
        method=request.method,
        address=address,
        parameters=tuple((_shown(name, hidden), _shown(value, hidden)) for name, _, value in pairs),
        headers=tuple((name, _shown(value, hidden)) for name, value in request.headers),
        body=_shown(request.body.decode(errors="replace"), hidden),
    )


def _shown(text: str, hidden: Sequence[str]) -> str:
    for piece in sorted(hidden, key=len, reverse=True):
        text = text.replace(piece, MASK) if piece else text
    return text
