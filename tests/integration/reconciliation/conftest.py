"""A shop whose billing sends settlement files, and staff who lay them beside the purchases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories.sale import Person as Customer
from tests.factories.shop import Shop, open_shop

from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.storage import ObjectStorage
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capabilities
from matinee.purchases.operations.four_eyes import Person
from matinee.purchases.queries import reversals_of
from matinee.purchases.types import Decision, Purchase, Reversal
from matinee.reconciliation.jobs import apply_file, import_file
from matinee.reconciliation.operations.files import (
    Upload,
    cancel_file,
    register_file,
    start_applying,
    start_import,
    storage_key,
)
from matinee.reconciliation.operations.resolving import RowDecision, resolve
from matinee.reconciliation.queries.files import get_file
from matinee.reconciliation.queries.report import effect_tallies, report_rows
from matinee.reconciliation.reading import digest_of, examine
from matinee.reconciliation.types import KindBy, Mapping, ReportRow, Resolution, SettlementFile

FINANCE = Actor("staff", UUID(int=9), "Fay Finance")
D: Capabilities = frozenset()
HEAD = "reference;kind;amount;currency;transaction\n"
MAPPING = Mapping(
    headings=("reference", "kind", "amount", "currency", "transaction"), reference=0, amount=2, currency_column=3,
    kind_by=KindBy.COLUMN, kind_column=1, charge_words=("charge",), refund_words=("refund",), transaction=4,
)  # fmt: skip


def line(purchase: Purchase | str, kind: str = "charge", amount: str = "4,99", **more: str) -> str:
    reference = purchase if isinstance(purchase, str) else purchase.reference
    return f"{reference};{kind};{amount};{more.get('currency', 'EUR')};{more.get('transaction', '')}\n"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where finance sits: the shop, the storage, and a folder that files come from."""

    shop: Shop
    storage: ObjectStorage
    folder: Path

    @property
    def operator_id(self) -> UUID:
        return self.shop.operator_id

    async def buy(self, fault: Fault = Fault.OK, *, person: Customer | None = None) -> Purchase:
        """Rent the film for a new customer; the charge goes as `fault` says."""
        faults = iter([fault])
        self.shop.billing.choose = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
        return await self.shop.buy(person or await self.shop.person())

    async def later(self, span: timedelta = timedelta(days=2)) -> None:
        await self.shop.pass_time(span, step=timedelta(hours=6))

    async def upload(
        self,
        content: str | bytes,
        *,
        name: str = "november.csv",
        mapping: Mapping | None = MAPPING,
        **terms: Any,
    ) -> SettlementFile:
        """Bring a file; with a mapping its columns are named at once and its job waits."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        file_id, now = new_id(), self.shop.clock.moment
        key = storage_key(self.operator_id, file_id)
        await self.storage.put(key, path.read_bytes())
        upload = Upload(
            file_id=file_id, provision_id=self.shop.sale.provision_id, name=name, storage_key=key,
            size_bytes=path.stat().st_size, digest=digest_of(path), layout=examine(path),
            covers_from=terms.get("covers_from", now - timedelta(days=20)),
            covers_until=terms.get("covers_until", now),
        )  # fmt: skip
        async with self.shop.database.transaction(self.operator_id) as tx:
            await register_file(
                tx, operator_id=self.operator_id, upload=upload, actor=terms.get("actor", FINANCE), now=now
            )
        if mapping is not None:
            async with self.shop.database.transaction(self.operator_id) as tx:
                await start_import(
                    tx, operator_id=self.operator_id, file_id=file_id, mapping=mapping, actor=FINANCE, now=now
                )
        return await self.read(file_id)

    async def compare(self, content: str | bytes, **terms: Any) -> SettlementFile:
        """Bring a file and let a worker read and compare it."""
        file = await self.upload(content, **terms)
        return await self.work(file)

    async def work(self, file: SettlementFile) -> SettlementFile:
        await import_file(
            self.shop.database, self.storage, operator_id=self.operator_id, file_id=file.file_id
        )
        return await self.read(file.file_id)

    async def apply(
        self, file: SettlementFile, *, complete: bool = False, actor: Actor = FINANCE
    ) -> SettlementFile:
        """Press Apply and let a worker do it."""
        await self.press_apply(file, complete=complete, actor=actor)
        await apply_file(self.shop.services, operator_id=self.operator_id, file_id=file.file_id)
        return await self.read(file.file_id)

    async def press_apply(
        self, file: SettlementFile, *, complete: bool = False, actor: Actor = FINANCE
    ) -> None:
        async with self.shop.database.transaction(self.operator_id) as tx:
            await start_applying(
                tx, operator_id=self.operator_id, file_id=file.file_id, is_complete=complete,
                reason="month's end", actor=actor, now=await tx.now(),
            )  # fmt: skip

    async def read(self, file_id: UUID) -> SettlementFile:
        async with self.shop.database.transaction(self.operator_id) as tx:
            return await get_file(tx, operator_id=self.operator_id, file_id=file_id)

    async def rows(self, file: SettlementFile, **filters: str) -> list[ReportRow]:
        async with self.shop.database.transaction(self.operator_id) as tx:
            page = await report_rows(
                tx, operator_id=self.operator_id, file_id=file.file_id,
                query=ListQuery(filters=filters, page_size=1000),
            )  # fmt: skip
        return list(page.rows)

    async def verdicts(self, file: SettlementFile) -> list[tuple[str, str | None]]:
        """Return verdict and effect of every line of the report, in its order."""
        return [(row.verdict.value, row.effect) for row in await self.rows(file)]

    async def planned(self, file: SettlementFile) -> dict[str, int]:
        async with self.shop.database.transaction(self.operator_id) as tx:
            found = await effect_tallies(tx, operator_id=self.operator_id, file_id=file.file_id)
        return {one.effect: one.planned for one in found}

    async def resolve(
        self, file: SettlementFile, row: ReportRow, resolution: Resolution, reason: str = "looked it up"
    ) -> ReportRow:
        """Settle a row as one person may."""
        done = await self.decide(file, row, resolution, reason)
        assert isinstance(done, ReportRow)
        return done

    async def decide(
        self, file: SettlementFile, row: ReportRow, resolution: Resolution, reason: str = "looked it up"
    ) -> ReportRow | Decision:
        """Settle a row, or ask a second person."""
        async with self.shop.database.transaction(self.operator_id) as tx:
            return await self.decide_within(tx, file, row, resolution, reason)

    async def decide_within(
        self, tx: Transaction, file: SettlementFile, row: ReportRow, resolution: Resolution, reason: str
    ) -> ReportRow | Decision:
        decision = RowDecision(
            file_id=file.file_id, row_id=row.row_id, resolution=resolution, reason=reason, action_id=new_id()
        )
        return await resolve(
            tx, operator=self.shop.sale.operator, reference_key=self.shop.services.reference_key,
            decision=decision, person=Person(UUID(int=9), FINANCE), now=await tx.now(),
        )  # fmt: skip

    async def stop(self, file: SettlementFile) -> SettlementFile:
        """Stop what is under way with a file, or give its report up."""
        async with self.shop.database.transaction(self.operator_id) as tx:
            return await cancel_file(
                tx, operator_id=self.operator_id, file_id=file.file_id, actor=FINANCE, now=await tx.now()
            )

    async def reversals(self, purchase: Purchase) -> list[Reversal]:
        async with self.shop.database.transaction(self.operator_id) as tx:
            return await reversals_of(
                tx, operator_id=self.operator_id, customer_id=purchase.customer_id,
                purchase_id=purchase.purchase_id,
            )  # fmt: skip

    async def now(self) -> datetime:
        return self.shop.clock.moment


@asynccontextmanager
async def open_desk(
    urls: EmbeddedPostgresInfo, folder: Path, *, capabilities: Capabilities = D, **terms: Any
) -> AsyncIterator[Desk]:
    """Open a shop with a desk; at its end no invariant may be broken."""
    async with open_shop(urls, capabilities=capabilities, **terms) as shop:
        desk = Desk(shop=shop, storage=ObjectStorage.in_memory(), folder=folder)
        yield desk
        assert await shop.broken() == []


@pytest.fixture
async def desk(module_database_urls: EmbeddedPostgresInfo, tmp_path: Path) -> AsyncIterator[Desk]:
    """The desk of an operator whose billing can do nothing but charge."""
    async with open_desk(module_database_urls, tmp_path) as opened:
        yield opened
