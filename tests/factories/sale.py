"""One operator with a film on sale, a customer who may rent it, and everything between, straight in the tables.

The rows are those that the domains' own operations write; tests that are about those operations use them.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.ids import new_id
from matinee.kernel.periods import WindowUnit
from matinee.offers.documents import MovieDocument, OfferDocument, ProductDocument, ProvisionPointer
from matinee.platform.db import Database
from matinee.platform.db.database import Transaction
from matinee.platform.operators import Operator, create_operator
from matinee.provisions.types import (
    AnswerFields,
    CallConfig,
    CancelCall,
    Capabilities,
    KeyMapping,
    PlatformValue,
    ProbeReport,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)

PRICE = 499
CREDITS = 5


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """What `make_sale` made."""

    operator: Operator
    provision_id: UUID
    product_id: UUID
    wallet_product_id: UUID
    rule_id: UUID
    movie_ids: tuple[UUID, ...]

    @property
    def movie_id(self) -> UUID:
        return self.movie_ids[0]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A customer and the devices it is signed in on."""

    customer_id: UUID
    device_ids: tuple[UUID, ...]


_KEYS = (
    KeyMapping(parameter="userid", platform_value=PlatformValue.USERID),
    KeyMapping(parameter="content_id", platform_value=PlatformValue.CONTENT_ID),
    KeyMapping(parameter="content_price", platform_value=PlatformValue.CONTENT_PRICE),
    KeyMapping(parameter="currency", platform_value=PlatformValue.CURRENCY),
    KeyMapping(parameter="reference", platform_value=PlatformValue.REFERENCE),
)
_REFERENCE = KeyMapping(parameter="reference", platform_value=PlatformValue.REFERENCE)


_CHARGE = KeyMapping(parameter="charge", platform_value=PlatformValue.CHARGE_ID)
_REFUND_REFERENCE = KeyMapping(parameter="refund_reference", platform_value=PlatformValue.REFUND_REFERENCE)


def billing_config(
    base_url: str = "http://127.0.0.1:8100/rentals", *, seconds: int = 10, refund_names_charge: bool = True
) -> ProvisionConfig:
    """Return a provision that says `charged` or `declined` in its body, so that both rules can match."""
    return ProvisionConfig(
        name="Billing",
        base_url=base_url,
        charge=CallConfig(
            key_map=_KEYS,
            success=answer_rule("200 OK", contains='"charged"'),
            no_success=answer_rule("200 OK", contains="declined"),
        ),
        status=StatusCall(url="/rentals/status", key_map=(_REFERENCE,), charge_id="/transaction"),
        refund=RefundCall(
            url="/rentals/refund",
            key_map=(_REFERENCE, *((_CHARGE,) if refund_names_charge else ()), _REFUND_REFERENCE),
        ),
        cancel=CancelCall(url="/rentals/cancel", key_map=(_REFERENCE,)),
        answer=AnswerFields(transaction_id=json_place("/transaction"), decline_reason=json_place("/reason")),
        timeout_seconds=seconds,
    )


async def make_operator(
    owner_url: str, slug: str, *, honour_late_charges: bool = False, self_cancel_hours: int | None = None,
    **fields: Any,
) -> Operator:  # fmt: skip
    """Add an operator as the platform's owner does."""
    database = await Database.connect(owner_url, connections=1)
    try:
        async with database.directory() as tx:
            given: dict[str, Any] = {
                "name": slug.title(), "host": f"{slug}.localhost", "time_zone": "Europe/Amsterdam",
                "currency": "EUR", "country": "NL", "tax_rate_basis_points": 2100,
            } | fields  # fmt: skip
            operator = await create_operator(tx, slug=slug, **given)
            await tx.execute(
                "UPDATE operators SET honour_late_charges = $2, self_cancel_hours = $3 WHERE operator_id = $1",
                operator.operator_id, honour_late_charges, self_cancel_hours,
            )  # fmt: skip
            return msgspec.structs.replace(
                operator, honour_late_charges=honour_late_charges, self_cancel_hours=self_cancel_hours
            )
    finally:
        await database.close()


async def make_sale(
    tx: Transaction,
    *,
    operator: Operator,
    capabilities: Capabilities,
    config: ProvisionConfig | None = None,
    now: datetime,
    quantity: int = 48,
    finish_window_hours: int | None = None,
    films: int = 1,
    price: int = PRICE,
) -> Sale:
    """Put films on sale at one operator, published for both device categories."""
    op = operator.operator_id
    provision_id, product_id, wallet_id, rule_id = (new_id() for _ in range(4))
    movie_ids = tuple(new_id() for _ in range(films))
    await tx.execute(
        "INSERT INTO provisions (operator_id, provision_id, name, api_type, current_version, created_at, updated_at,"
        " class_d_accepted_at, class_d_accepted_by, class_d_words)"
        " VALUES ($1, $2, 'Billing', 'movie', 1, $3, $3, $3, 'test', 'we look by hand')", op, provision_id, now,
    )  # fmt: skip
    await tx.execute(
        "INSERT INTO provision_versions (operator_id, provision_id, version, config, created_by, created_at)"
        " VALUES ($1, $2, 1, $3::jsonb, 'test', $4)",
        op, provision_id, msgspec.json.encode(config or billing_config()).decode(), now,
    )  # fmt: skip
    report = ProbeReport(steps=(), capabilities=capabilities)
    await tx.execute(
        "INSERT INTO provision_probes (operator_id, provision_id, probe_id, version, capabilities, report,"
        " created_by, created_at) VALUES ($1, $2, $3, 1, $4, $5::jsonb, 'test', $6)",
        op, provision_id, new_id(), sorted(capabilities), msgspec.json.encode(report).decode(), now,
    )  # fmt: skip
    for identifier, name, payment, currency in (
        (product_id, "Basic", "api", "EUR"), (wallet_id, "Prepaid", "wallet", "CREDIT"),
    ):  # fmt: skip
        await tx.execute(
            "INSERT INTO products (operator_id, product_id, name, mapping_id, payment_type, currency, created_at,"
            " updated_at) VALUES ($1, $2, $3, 'basic-1', $4, $5, $6, $6)",
            op, identifier, name, payment, currency, now,
        )  # fmt: skip
    await tx.execute(
        "INSERT INTO product_provisions (operator_id, product_id, api_type, provision_id)"
        " VALUES ($1, $2, 'movie', $3)", op, product_id, provision_id,
    )  # fmt: skip
    await tx.execute(
        "INSERT INTO ppv_rules (operator_id, rule_id, name, unit, quantity, finish_window_hours, created_at,"
        " updated_at) VALUES ($1, $2, 'Two days', 'hours', $3, $4, $5, $5)",
        op, rule_id, quantity, finish_window_hours, now,
    )  # fmt: skip
    offer = OfferDocument(
        rule_id=rule_id, rule_name="Two days", unit=WindowUnit.HOURS, quantity=quantity,
        finish_window_hours=finish_window_hours, prices={"EUR": price, "CREDIT": CREDITS},
    )  # fmt: skip
    await _publish_products(tx, op, product_id, wallet_id, provision_id, now)
    for number, movie_id in enumerate(movie_ids):
        await _film(tx, op, movie_id, f"Film {number}", rule_id, offer, now)
    return Sale(
        operator=operator, provision_id=provision_id, product_id=product_id, wallet_product_id=wallet_id,
        rule_id=rule_id, movie_ids=movie_ids,
    )  # fmt: skip


async def _film(
    tx: Transaction, op: UUID, movie_id: UUID, title: str, rule_id: UUID, offer: OfferDocument, now: datetime
) -> None:
    await tx.execute(
        "INSERT INTO items (operator_id, item_kind, item_id, title, runtime_minutes, stream_kind, stream_url,"
        " payment_method, rule_id, created_at, updated_at)"
        " VALUES ($1, 'movie', $2, $3, 90, 'url', 'https://cdn.example/film.m3u8', 'ppv', $4, $5, $5)",
        op, movie_id, title, rule_id, now,
    )  # fmt: skip
    await tx.executemany(
        "INSERT INTO item_prices (operator_id, item_kind, item_id, currency, amount_minor)"
        " VALUES ($1, 'movie', $2, $3, $4)",
        [(op, movie_id, currency, amount) for currency, amount in offer.prices.items()],
    )
    document = MovieDocument(
        id=movie_id, title=title, year=2026, runtime_minutes=90, description="", poster=None,
        payment_method="ppv", packages=[], licence_ends_at=None, offer=offer,
    )  # fmt: skip
    for section in ("movies_tv", "movies_handheld"):
        await publish(tx, op, section, movie_id, document, now)


async def _publish_products(
    tx: Transaction, op: UUID, product_id: UUID, wallet_id: UUID, provision_id: UUID, now: datetime
) -> None:
    base = ProductDocument(
        id=product_id, name="Basic", payment_type="api", currency="EUR", mapping_id="basic-1", is_trial=False,
        packages=[], max_devices=5, max_streams=2,
        provisions={"movie": ProvisionPointer(provision_id=provision_id, version=1)},
    )  # fmt: skip
    wallet = msgspec.structs.replace(
        base, id=wallet_id, name="Prepaid", payment_type="wallet", currency="CREDIT", provisions={}
    )
    for document in (base, wallet):
        await publish(tx, op, "products", document.id, document, now)


async def publish(
    tx: Transaction, op: UUID, section: str, item_id: UUID, document: msgspec.Struct, now: datetime
) -> None:
    """Put one document into a section, which gets a snapshot if it has none."""
    snapshot_id = new_id()
    if not await tx.fetchval(
        "SELECT true FROM published_snapshots WHERE operator_id = $1 AND section = $2", op, section
    ):
        await tx.execute(
            "INSERT INTO snapshots (operator_id, section, snapshot_id, digest, manifest_key, item_count, created_at)"
            " VALUES ($1, $2, $3, 'x', 'x', 0, $4)", op, section, snapshot_id, now,
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO published_snapshots (operator_id, section, snapshot_id, published_at, published_by)"
            " VALUES ($1, $2, $3, $4, 'test')", op, section, snapshot_id, now,
        )  # fmt: skip
    await tx.execute(
        "INSERT INTO published_items (operator_id, section, item_id, source_version, document)"
        " VALUES ($1, $2, $3, '1', $4::jsonb) ON CONFLICT (operator_id, section, item_id)"
        " DO UPDATE SET document = excluded.document",
        op, section, item_id, msgspec.json.encode(document).decode(),
    )  # fmt: skip


async def make_person(
    tx: Transaction,
    *,
    sale: Sale,
    now: datetime,
    wallet: int | None = None,
    devices: int = 2,
    spending_limit_minor: int | None = None,
) -> Person:
    """Add a customer with devices; `wallet` credits make it a customer of the wallet product."""
    op, customer_id = sale.operator.operator_id, new_id()
    product_id = sale.product_id if wallet is None else sale.wallet_product_id
    await tx.execute(
        "INSERT INTO customers (operator_id, customer_id, username, password_hash, first_name, last_name,"
        " mapping_id, product_id, status, starts_at, spending_limit_minor, spending_limit_currency, created_at,"
        " updated_at) VALUES ($1, $2, $3, '-', 'Ann', 'Bell', 'c-1', $4, 'active', $5, $6, $7, $5, $5)",
        op, customer_id, f"ann-{customer_id.hex[-8:]}", product_id, now - timedelta(days=1), spending_limit_minor,
        None if spending_limit_minor is None else "EUR" if wallet is None else "CREDIT",
    )  # fmt: skip
    device_ids = tuple(new_id() for _ in range(devices))
    for device_id in device_ids:
        await tx.execute(
            "INSERT INTO devices (operator_id, customer_id, device_id, category, model, created_at, last_seen_at)"
            " VALUES ($1, $2, $3, 'handheld', 'test', $4, $4)", op, customer_id, device_id, now,
        )  # fmt: skip
    if wallet:
        await tx.execute(
            "INSERT INTO wallets (operator_id, customer_id, currency, balance_minor) VALUES ($1, $2, 'CREDIT', $3)",
            op, customer_id, wallet,
        )  # fmt: skip
        await tx.executemany(
            "INSERT INTO ledger_entries (operator_id, customer_id, entry_id, account, amount_minor, currency, cause,"
            " posted_at) VALUES ($1, $2, $3, $4, $5, 'CREDIT', 'top_up', $6)",
            [(op, customer_id, new_id(), "wallet_funding", wallet, now),
             (op, customer_id, new_id(), "wallet", -wallet, now)],
        )  # fmt: skip
    return Person(customer_id=customer_id, device_ids=device_ids)
