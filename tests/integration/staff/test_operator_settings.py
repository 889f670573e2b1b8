"""What an operator's administrators may set: their own operator's, one person at a time."""

import msgspec
import pytest
from tests.factories.world import STAFF

from matinee.kernel.errors import Conflict, Invalid
from matinee.platform.audit import entries_about
from matinee.platform.db import Database
from matinee.platform.operators import Operator, OperatorSettings, get_operator, update_settings

SETTINGS = OperatorSettings(
    time_zone="America/Lima",
    currency="PEN",
    locale="es_PE",
    tax_rate_basis_points=1800,
    cut_at_finish=True,
    honour_late_charges=True,
    self_cancel_hours=24,
)


async def _save(
    database: Database, operator: Operator, given: OperatorSettings, *, version: int = 1
) -> Operator:
    async with database.transaction(operator.operator_id) as tx:
        await update_settings(
            tx, operator_id=operator.operator_id, given=given, expected_version=version, actor=STAFF,
            now=await tx.now(),
        )  # fmt: skip
        return await get_operator(tx, operator_id=operator.operator_id)


async def test_settings_are_saved_for_ones_own_operator_alone(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    mine, theirs = operators
    saved = await _save(database, mine, SETTINGS)
    assert {name: getattr(saved, name) for name in OperatorSettings.__struct_fields__} == (
        msgspec.structs.asdict(SETTINGS)
    )
    assert saved.settings_version == 2
    async with database.directory() as tx:
        assert await get_operator(tx, operator_id=theirs.operator_id) == theirs
        # Without an operator of its own, a transaction changes nobody's settings.
        nobody = await tx.fetchval(
            "SELECT update_operator_settings(1, 'UTC', 'EUR', 'en', 0, false, false, NULL)"
        )
        assert (nobody, await get_operator(tx, operator_id=theirs.operator_id)) == (None, theirs)
    async with database.transaction(mine.operator_id) as tx:
        (entry,) = await entries_about(
            tx, operator_id=mine.operator_id, subject_kind="operator", subject_id=mine.operator_id
        )
    assert entry.details["currency"] == {"from": "EUR", "to": "PEN"}


async def test_whoever_saves_second_is_told(database: Database, operators: tuple[Operator, Operator]) -> None:
    await _save(database, operators[0], SETTINGS)
    with pytest.raises(Conflict):
        await _save(database, operators[0], msgspec.structs.replace(SETTINGS, currency="USD"))
    async with database.directory() as tx:
        assert (await get_operator(tx, operator_id=operators[0].operator_id)).currency == "PEN"


async def test_settings_that_make_no_sense_are_refused_by_field(
    database: Database, operators: tuple[Operator, Operator]
) -> None:
    bad = msgspec.structs.replace(
        SETTINGS, time_zone="Mars", currency="CREDIT", locale="xx_YY", tax_rate_basis_points=10_001,
        self_cancel_hours=0,
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        await _save(database, operators[0], bad)
    assert sorted(refused.value.fields) == [
        "currency", "locale", "self_cancel_hours", "tax_rate_basis_points", "time_zone",
    ]  # fmt: skip
    async with database.directory() as tx:
        assert await get_operator(tx, operator_id=operators[0].operator_id) == operators[0]
