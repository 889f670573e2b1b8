"""Kinds of items stand in several lists that nothing else compares: whoever forgets one of them reads it here."""

import re
from pathlib import Path
from typing import get_args

import asyncpg
import pytest
from tests.factories.catalogue import event_draft, plain_draft, season_draft

from matinee.catalog.rules import kind_of, noun_of
from matinee.catalog.types import AnyDraft, ItemKind
from matinee.console.cms.shelves import SHELVES
from matinee.console.crm.products import PROVISION_FIELDS, ProductForm
from matinee.offers.documents import ItemDocument
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.types import API_TYPES
from matinee.purchases.operations.quoting import item_noun
from matinee.viewer_api.hot.rights import ITEM_KINDS
from matinee.viewer_api.views import ItemKindView

KINDS = {kind.value for kind in ItemKind}
VIEWER = Path(__file__).resolve().parents[2] / "viewer" / "src"

_CHECKS = """
    SELECT conrelid::regclass::text || '.' || attname AS place, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
    WHERE k.contype = 'c' AND attname IN ('item_kind', 'api_type') AND k.connamespace = 'public'::regnamespace
"""


def test_every_list_of_kinds_has_the_same_ones() -> None:
    lists = {
        "API types": set(API_TYPES),
        "codes of the API types": {kind.code for kind in API_TYPES.values()},
        "drafts": {kind_of(draft).value for draft in (plain_draft(), event_draft(), season_draft())},
        "documents for the apps": {str(one.__struct_config__.tag) for one in get_args(ItemDocument)},
        "shelves of the console": {shelf.kind.value for shelf in SHELVES},
        "fields of a product": set(PROVISION_FIELDS),
        "viewer API": set(get_args(ItemKindView)),
        "hot routes": set(ITEM_KINDS),
    }
    assert {name: kinds for name, kinds in lists.items() if kinds != KINDS} == {}
    assert len(get_args(AnyDraft)) == len(KINDS)


@pytest.mark.parametrize("kind", list(ItemKind))
def test_every_kind_has_its_words_and_its_field(kind: ItemKind) -> None:
    assert noun_of(kind) != ""
    assert item_noun(kind.value) != item_noun("nothing of ours")
    assert hasattr(ProductForm, PROVISION_FIELDS[kind.value])


async def test_the_database_takes_every_kind(module_database_urls: EmbeddedPostgresInfo) -> None:
    """A check of one kind is that of its own table; any other names them all."""
    connection = await asyncpg.connect(module_database_urls.owner_url)
    try:
        rows = await connection.fetch(_CHECKS)
    finally:
        await connection.close()
    checked = {row["place"]: set(re.findall(r"'(\w+)'::text", row["definition"])) for row in rows}
    shared = {place: kinds for place, kinds in checked.items() if len(kinds) > 1}
    assert shared == dict.fromkeys(
        ("items.item_kind", "provisions.api_type", "product_provisions.api_type"), KINDS
    )
    assert {kind for kinds in checked.values() for kind in kinds} == KINDS


def test_the_app_knows_every_kind_and_calls_it_something_in_every_language() -> None:
    documents = (VIEWER / "catalogue" / "documents.ts").read_text("utf-8")
    listed = re.search(r"export const KINDS = \[(.*?)\]", documents, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == KINDS
    words = {kind: "invoice.film" if kind == "movie" else f"invoice.{kind}" for kind in KINDS}
    for language in sorted((VIEWER / "texts").glob("*/buying.ts")):
        texts = language.read_text("utf-8")
        assert [kind for kind, name in words.items() if f'"{name}":' not in texts] == [], language.parent.name
