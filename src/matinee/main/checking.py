"""`matinee check`: does a live database keep the promises that purchases rest on?"""

import asyncio
from datetime import datetime

import click
import msgspec

from matinee.main.command import operator_called, settings_now
from matinee.platform.db import Database
from matinee.platform.operators import Operator, list_operators
from matinee.purchases.queries.invariants import Violation, violations

PATIENCE_SECONDS = 3600.0
"""A large operator's purchases are read whole, which takes longer than anything that somebody waits for."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One operator's purchases, as they were at one moment."""

    operator: str
    checked_at: datetime
    violations: list[Violation]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `matinee check --json` prints."""

    broken: int
    operators: list[Checked]


@click.command("check")
@click.option("--operator", "slug", help="Short name of one operator; without it, every operator.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def check(context: click.Context, slug: str | None, as_json: bool) -> None:
    """Verify the invariants of purchases, rights and ledger in a live database.

    Reads only. Prints what is broken, and ends with status 1 if anything is. I1 to I9 are checked as far as the
    database knows; I10, that no host's clock decides anything, is a rule of the code.
    """
    report = _with_patience(settings_now().database_url, slug)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _print(report)
    if report.broken:
        context.exit(1)


def _with_patience(url: str, slug: str | None) -> Report:
    async def run() -> Report:
        database = await Database.connect(url, connections=1, statement_seconds=PATIENCE_SECONDS)
        try:
            checked = [await _checked(database, operator) for operator in await _operators(database, slug)]
        finally:
            await database.close()
        return Report(broken=sum(len(one.violations) for one in checked), operators=checked)

    return asyncio.run(run())


async def _operators(database: Database, slug: str | None) -> list[Operator]:
    if slug is not None:
        return [await operator_called(database, slug)]
    async with database.directory() as tx:
        return await list_operators(tx)


async def _checked(database: Database, operator: Operator) -> Checked:
    async with database.transaction(operator.operator_id) as tx:
        # One picture of everything: a purchase that moves meanwhile must not look broken.
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        now = await tx.now()
        found = await violations(tx, operator_id=operator.operator_id, now=now)
    return Checked(operator=operator.slug, checked_at=now, violations=found)


def _print(report: Report) -> None:
    for checked in report.operators:
        for one in checked.violations:
            where = f"purchase {one.purchase_id}" if one.purchase_id else "wallet"
            click.echo(
                f"{checked.operator}: {one.invariant}: customer {one.customer_id}, {where}: {one.found}"
            )
    count = len(report.operators)
    of = f"{count} operator{'' if count == 1 else 's'}"
    click.echo(f"{of}: {report.broken} broken." if report.broken else f"{of}: everything holds.")
