"""PPV rules in the database."""

import pytest
from tests.factories.catalogue import Catalogue

from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.paging import ListQuery
from matinee.kernel.periods import WindowUnit
from matinee.offers.operations.ppv_rules import (
    archive_ppv_rule,
    create_ppv_rule,
    unarchive_ppv_rule,
    update_ppv_rule,
)
from matinee.offers.queries.ppv_rules import get_ppv_rule, list_ppv_rules, ppv_rule_choices
from matinee.offers.types import PpvRuleDraft


def draft(name: str = "48 hours", unit: WindowUnit = WindowUnit.HOURS, quantity: int = 48) -> PpvRuleDraft:
    return PpvRuleDraft(name=name, unit=unit, quantity=quantity, finish_window_hours=None)


async def names(catalogue: Catalogue, **query: object) -> list[str]:
    page = await catalogue.ask(list_ppv_rules, query=ListQuery(**query))  # type: ignore[arg-type]
    return [row.rule.name for row in page.rows]


async def test_an_edit_raises_the_version(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    same = await catalogue.run(update_ppv_rule, rule_id=rule.rule_id, version=1, draft=rule.draft)
    assert same == rule
    changed = await catalogue.run(
        update_ppv_rule, rule_id=rule.rule_id, version=1, draft=draft("2 days", WindowUnit.DAYS, 2)
    )
    assert (changed.version, changed.name, changed.unit, changed.finish_window_hours) == (
        2, "2 days", WindowUnit.DAYS, None,
    )  # fmt: skip
    assert await catalogue.audit_actions(rule.rule_id) == ["ppv_rule.created", "ppv_rule.updated"]


async def test_the_second_of_two_editors_is_told(catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    await catalogue.run(update_ppv_rule, rule_id=rule.rule_id, version=1, draft=draft("First"))
    with pytest.raises(Conflict) as caught:
        await catalogue.run(update_ppv_rule, rule_id=rule.rule_id, version=1, draft=draft("Second"))
    assert caught.value.code == "edited_meanwhile"
    assert await names(catalogue) == ["First"]


async def test_a_name_is_taken_while_it_is_in_use(catalogue: Catalogue, neighbour: Catalogue) -> None:
    await neighbour.rule("Weekend")
    first = await catalogue.rule("Weekend")
    with pytest.raises(Invalid) as caught:
        await catalogue.rule("Weekend")
    assert list(caught.value.fields) == ["name"]
    await catalogue.run(archive_ppv_rule, rule_id=first.rule_id)
    await catalogue.rule("Weekend")
    with pytest.raises(Invalid):
        await catalogue.run(unarchive_ppv_rule, rule_id=first.rule_id)
    assert (await catalogue.ask(get_ppv_rule, rule_id=first.rule_id)).archived_at is not None


async def test_what_cannot_be_is_refused_with_every_problem(catalogue: Catalogue) -> None:
    bad = PpvRuleDraft(name=" ", unit=WindowUnit.YEARS, quantity=11, finish_window_hours=0)
    with pytest.raises(Invalid) as caught:
        await catalogue.run(create_ppv_rule, draft=bad)
    assert list(caught.value.fields) == ["name", "quantity", "finish_window_hours"]
    assert await names(catalogue, filters={"state": "all"}) == []


async def test_archived_rules_leave_the_choices_and_come_back(catalogue: Catalogue) -> None:
    rule, other = await catalogue.rule("A"), await catalogue.rule("B")
    await catalogue.run(archive_ppv_rule, rule_id=rule.rule_id)
    assert [each.name for each in await catalogue.ask(ppv_rule_choices)] == ["B"]
    assert [each.name for each in await catalogue.ask(ppv_rule_choices, also=rule.rule_id)] == ["A", "B"]
    assert await names(catalogue) == ["B"]
    assert await names(catalogue, filters={"state": "archived"}) == ["A"]
    assert await names(catalogue, filters={"state": "all"}) == ["A", "B"]
    await catalogue.run(unarchive_ppv_rule, rule_id=rule.rule_id)
    assert await names(catalogue, search="a") == ["A"]
    assert await catalogue.audit_actions(rule.rule_id) == [
        "ppv_rule.created", "ppv_rule.archived", "ppv_rule.unarchived",
    ]  # fmt: skip
    assert await catalogue.audit_actions(other.rule_id) == ["ppv_rule.created"]


async def test_the_list_sorts_by_length_and_counts_use(catalogue: Catalogue) -> None:
    short = await catalogue.rule("Short", 2)
    await catalogue.run(create_ppv_rule, draft=draft("Month", WindowUnit.MONTHS, 1))
    await catalogue.run(create_ppv_rule, draft=draft("Week", WindowUnit.DAYS, 7))
    await catalogue.ppv_movie(short)
    assert await names(catalogue, sort="window") == ["Short", "Week", "Month"]
    assert await names(catalogue, sort="-window") == ["Month", "Week", "Short"]
    page = await catalogue.ask(list_ppv_rules, query=ListQuery(search="short"))
    assert [row.item_count for row in page.rows] == [1]


async def test_the_neighbours_rules_do_not_exist(catalogue: Catalogue, neighbour: Catalogue) -> None:
    theirs = await neighbour.rule()
    with pytest.raises(NotFound):
        await catalogue.ask(get_ppv_rule, rule_id=theirs.rule_id)
    with pytest.raises(NotFound):
        await catalogue.run(archive_ppv_rule, rule_id=theirs.rule_id)
    with pytest.raises(Invalid):
        await catalogue.ppv_movie(theirs)
