"""Two operators in a fresh database, and short ways to add products and customers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from matinee.customers.operations import create_customer, create_product
from matinee.customers.types import CustomerInput, PaymentType, ProductInput
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator, create_operator
from matinee.platform.passwords import hash_password

STAFF = Actor("staff", UUID(int=7), "Ada Care")
PASSWORD = "correct horse battery"


class World:
    """One operator and what tests do in it."""

    def __init__(self, database: Database, operator: Operator) -> None:
        self.database = database
        self.operator = operator
        self.operator_id = operator.operator_id

    async def now(self) -> datetime:
        async with self.database.transaction(self.operator_id) as tx:
            return await tx.now()

    async def product(self, name: str = "Basic", **changes: object) -> UUID:
        given = ProductInput(name=name, payment_type=PaymentType.API, currency="EUR")
        async with self.database.transaction(self.operator_id) as tx:
            return await create_product(
                tx, operator_id=self.operator_id, actor=STAFF, now=await tx.now(),
                given=msgspec.structs.replace(given, **changes),
            )  # fmt: skip

    async def customer(self, username: str, product_id: UUID, **changes: object) -> UUID:
        given = CustomerInput(
            username=username, product_id=product_id, first_name="Nora", last_name="Vos",
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        password_hash = await hash_password(PASSWORD)
        async with self.database.transaction(self.operator_id) as tx:
            return await create_customer(
                tx, operator_id=self.operator_id, actor=STAFF, now=await tx.now(),
                given=msgspec.structs.replace(given, **changes), password_hash=password_hash,
            )  # fmt: skip

    async def audit_actions(self, subject_id: UUID) -> list[str]:
        async with self.database.transaction(self.operator_id) as tx:
            rows = await tx.fetch(
                "SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY at, entry_id",
                str(subject_id),
            )
        return [row["action"] for row in rows]


async def _operator(owner: Database, slug: str) -> Operator:
    async with owner.directory() as tx:
        return await create_operator(
            tx, slug=slug, name=slug.title(), host=f"{slug}.localhost", time_zone="Europe/Amsterdam",
            currency="EUR", country="NL",
        )  # fmt: skip


@pytest.fixture
async def database(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Database]:
    database = await Database.connect(database_urls.app_url, connections=5)
    yield database
    await database.close()


@pytest.fixture
async def operators(database_urls: EmbeddedPostgresInfo) -> tuple[Operator, Operator]:
    owner = await Database.connect(database_urls.owner_url, connections=1)
    try:
        return await _operator(owner, "aurora"), await _operator(owner, "borealis")
    finally:
        await owner.close()


@pytest.fixture
def world(database: Database, operators: tuple[Operator, Operator]) -> World:
    return World(database, operators[0])


@pytest.fixture
def neighbour(database: Database, operators: tuple[Operator, Operator]) -> World:
    return World(database, operators[1])
