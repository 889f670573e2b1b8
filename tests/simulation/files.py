"""Billing's own list of what it charged, brought as a settlement file and applied by the real jobs."""

import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from tests.factories.clock import START

from matinee.kernel.ids import new_id
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.storage import ObjectStorage
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.purchases.services import PurchaseServices
from matinee.reconciliation.jobs import apply_file, import_file
from matinee.reconciliation.operations.files import (
    Upload,
    register_file,
    start_applying,
    start_import,
    storage_key,
)
from matinee.reconciliation.reading import digest_of, examine
from matinee.reconciliation.types import KindBy, Mapping

FINANCE = Actor("staff", UUID(int=9), "Fay Finance")
_MAPPING = Mapping(
    headings=("reference", "kind", "amount", "currency", "transaction"), reference=0, amount=2, currency_column=3,
    kind_by=KindBy.COLUMN, kind_column=1, charge_words=("charge",), refund_words=("refund",), transaction=4,
)  # fmt: skip


async def bring_list(
    services: PurchaseServices,
    *,
    operator_id: UUID,
    provision_id: UUID,
    billing: SimulatedBilling,
    number: int,
) -> None:
    """Bring list number `number` of everything charged until now, declare it complete, and have it applied."""
    database, storage = services.database, ObjectStorage.in_memory()
    upload = await _upload(database, storage, operator_id, provision_id, _content(billing, number))
    ids = {"operator_id": operator_id, "file_id": upload.file_id}
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
        await register_file(tx, operator_id=operator_id, upload=upload, actor=FINANCE, now=now)
        await start_import(tx, **ids, mapping=_MAPPING, actor=FINANCE, now=now)
    await import_file(database, storage, **ids)
    async with database.transaction(operator_id) as tx:
        await start_applying(
            tx, **ids, is_complete=True, reason="the newest list", actor=FINANCE, now=await tx.now()
        )
    await apply_file(services, **ids)


def _content(billing: SimulatedBilling, number: int) -> bytes:
    """Every charge, and a refund for each that was given back; a row of its own makes each list another file."""
    lines = [";".join(_MAPPING.headings), f"ORDER-{number};charge;1.00;EUR;"]
    for charge in [one for charges in billing.charges.values() for one in charges]:
        sum_ = f"{charge.amount};{charge.currency}"
        lines.append(f"{charge.reference};charge;{sum_};{charge.charge_id}")
        if charge.reversed:
            lines.append(f"{charge.reference};refund;{sum_};back-{charge.charge_id}")
    return "\n".join([*lines, ""]).encode()


async def _upload(
    database: Database, storage: ObjectStorage, operator_id: UUID, provision_id: UUID, content: bytes
) -> Upload:
    file_id = new_id()
    key = storage_key(operator_id, file_id)
    await storage.put(key, content)
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
    with tempfile.TemporaryDirectory(prefix="matinee-sim-file-") as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        return Upload(
            file_id=file_id, provision_id=provision_id, name=path.name, storage_key=key, size_bytes=len(content),
            digest=digest_of(path), layout=examine(path), covers_from=START - timedelta(days=1), covers_until=now,
        )  # fmt: skip
