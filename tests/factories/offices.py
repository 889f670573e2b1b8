"""Two operators with something of everything in them, and somebody of every role at the console's door."""

import re
from typing import Final
from uuid import UUID

import msgspec
from tests.doubles.billing import BillingDouble
from tests.factories.callers import Scene, make_scene
from tests.factories.catalogue import Catalogue

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator, operator_by_host
from matinee.staff.operations import create_staff, disable_staff, open_session
from matinee.staff.types import Role, Staff

CANARY: Final = "Zanzibar"
"""In every name at the second operator: nobody of the first may ever read it."""

MARKUP: Final = "<b onclick=go()>"
"""In every name at the first operator: no page may take it for its own."""

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
# What `key` is the id of depends on the page.
_KEYS: Final = {
    "/console/crm/customers/": "customer", "/console/crm/products/api-provisions/": "provision",
    "/console/crm/products/": "product", "/console/staff/": "staff", "/console/crm/approvals/": "customer",
}  # fmt: skip


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """What one operator has, by the names that addresses use; `otherwise` stands for all that it has none of."""

    known: dict[str, UUID]
    otherwise: str = str(UUID(int=1))

    def address(self, path: str) -> str:
        """Return the address of something of this operator."""
        key = next((name for start, name in _KEYS.items() if path.startswith(start)), "")

        def put(found: re.Match[str]) -> str:
            name = found[1] if found[1] != "key" else key
            if name == "number":
                return "1"
            if name == "section":
                return "movies_tv"
            return str(self.known.get(name.removesuffix("_id"), self.otherwise))

        return _PARAMETER.sub(put, path)


class Offices(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of everybody's session, by who they are, and what there is."""

    host: str
    sessions: dict[str, str]
    own: Ids
    foreign: Ids
    foreign_operator_id: UUID


async def make_offices(urls: EmbeddedPostgresInfo, billing: BillingDouble) -> Offices:
    """Fill a database."""
    scene = await make_scene(urls, billing)
    database = await Database.connect(urls.app_url, connections=2)
    try:
        async with database.directory() as tx:
            foreign = await operator_by_host(tx, host="borealis.localhost")
        sessions, ids = {}, []
        for operator in (scene.operator, foreign):
            people = {role.value: await _person(database, operator, role.value) for role in Role}
            dismissed = await _person(database, operator, "care", email="dismissed@operator.test")
            ids.append(await _ids(database, operator, scene, dismissed))
            if operator is foreign:
                sessions["another operator's admin"] = await _session(database, people["admin"])
                continue
            sessions |= {name: await _session(database, staff) for name, staff in people.items()}
            sessions["dismissed"] = await _session(database, dismissed)
            await _dismiss(database, dismissed, people["admin"])
        await _mark(database, foreign, CANARY)
        await _mark(database, scene.operator, MARKUP)
    finally:
        await database.close()
    own, others = ids
    return Offices(
        host=scene.operator.host,
        sessions=sessions,
        own=own,
        foreign=others,
        foreign_operator_id=foreign.operator_id,
    )


async def _person(database: Database, operator: Operator, role: str, *, email: str = "") -> Staff:
    async with database.transaction(operator.operator_id) as tx:
        return await create_staff(
            tx, operator_id=operator.operator_id, email=email or f"{role}@operator.test", name=f"Person {role}",
            password_hash="-", roles=[role], now=await tx.now(),
        )  # fmt: skip


async def _session(database: Database, staff: Staff) -> str:
    async with database.transaction(staff.operator_id) as tx:
        return (await open_session(tx, staff=staff, now=await tx.now())).secret


async def _dismiss(database: Database, staff: Staff, by: Staff) -> None:
    async with database.transaction(staff.operator_id) as tx:
        await disable_staff(
            tx, operator_id=staff.operator_id, staff_id=staff.staff_id, actor=by.actor, now=await tx.now()
        )


async def _ids(database: Database, operator: Operator, scene: Scene, staff: Staff) -> Ids:
    op = operator.operator_id
    whose = scene.mine if op == scene.operator.operator_id else scene.foreign
    catalogue = Catalogue(database, operator)
    package = await catalogue.package(f"{CANARY} package" if whose is scene.foreign else "Package")
    async with database.transaction(op) as tx:

        async def one(statement: str) -> UUID:
            found: UUID = await tx.fetchval(statement, op)
            return found

        return Ids(known={
            "customer": whose.customer_id, "purchase": whose.purchase_id, "item": whose.item_id,
            "asset": whose.asset_id, "staff": staff.staff_id, "package": package,
            "provision": await one("SELECT provision_id FROM provisions WHERE operator_id = $1"),
            "product": await one("SELECT product_id FROM products WHERE operator_id = $1 LIMIT 1"),
            "rule": await one("SELECT rule_id FROM ppv_rules WHERE operator_id = $1"),
            "right": await one("SELECT entitlement_id FROM entitlements WHERE operator_id = $1 LIMIT 1"),
            "probe": await one("SELECT probe_id FROM provision_probes WHERE operator_id = $1"),
        })  # fmt: skip


async def _mark(database: Database, operator: Operator, text: str) -> None:
    """Write `text` into whatever a page could show of an operator."""
    places = {
        "customers": "first_name", "products": "name", "provisions": "name", "ppv_rules": "name",
        "items": "title", "staff_accounts": "name", "assets": "file_name",
    }  # fmt: skip
    async with database.transaction(operator.operator_id) as tx:
        for table, column in places.items():
            tag = await tx.execute(
                f"UPDATE {table} SET {column} = $2 || ' ' || {column} WHERE operator_id = $1",
                operator.operator_id,
                text,
            )
            assert tag != "UPDATE 0", table
