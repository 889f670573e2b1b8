"""CMS > Movies > PPV Rules, page by page."""

import csv
import io

from tests.factories.catalogue import Catalogue, by_ppv
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.pages import cells, error_at, link

from matinee.offers.queries.ppv_rules import get_ppv_rule
from matinee.platform.db import Database
from matinee.platform.operators import Operator

PATH = "/console/cms/ppv-rules"
WEEKEND = {"name": "Weekend", "quantity": "3", "unit": "days", "finish_window_hours": "", "version": ""}


async def test_a_rule_is_added_listed_edited_archived_and_put_back(
    browser: Browser, catalogue: Catalogue
) -> None:
    assert "No PPV rules yet" in (await browser.get(PATH)).text
    await browser.get(f"{PATH}/new")
    added = await browser.post(f"{PATH}/new", WEEKEND)
    assert (added.status_code, added.headers["location"]) == (303, PATH)
    listed = await browser.get(PATH)
    assert "Added “Weekend”" in listed.text
    assert cells(listed)[:4] == ["Weekend", "3 days", "to its end", "nothing"]
    assert "Added “Weekend”" not in (await browser.get(PATH)).text
    address = link(listed, "Weekend")
    form = await browser.get(address)
    assert "Start within 3 days of buying; once started, watch to the end." in form.text
    saved = await browser.post(address, WEEKEND | {"quantity": "4", "version": "1"})
    assert saved.status_code == 303
    again = await browser.get(address)
    assert "Version 2" in again.text
    await browser.post(f"{address}/archive")
    archived = await browser.get(PATH)
    assert "Nothing fits" not in archived.text
    assert "No PPV rules yet" in archived.text
    assert f'action="{address}/unarchive"' in archived.text  # the message offers to undo it
    assert "Weekend" in (await browser.get(f"{PATH}?state=archived")).text
    await browser.post(f"{address}/unarchive")
    assert "Weekend" in (await browser.get(PATH)).text
    rule_id = address.rpartition("/")[2]
    assert await catalogue.audit_actions(rule_id) == [
        "ppv_rule.created", "ppv_rule.updated", "ppv_rule.archived", "ppv_rule.unarchived",
    ]  # fmt: skip


async def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(
    browser: Browser, catalogue: Catalogue
) -> None:
    await catalogue.rule("Taken")
    await browser.get(f"{PATH}/new")
    typed = {"name": "", "quantity": "soon", "unit": "years", "finish_window_hours": "-1", "version": ""}
    wrong = await browser.post(f"{PATH}/new", typed)
    assert wrong.status_code == 422
    assert [error_at(wrong, name) != "" for name in ("name", "quantity", "finish_window_hours")] == [True] * 3
    assert 'value="soon"' in wrong.text
    assert 'value="-1"' in wrong.text
    assert '<option selected value="years">' in wrong.text
    assert '<a href="#quantity">' in wrong.text
    taken = await browser.post(f"{PATH}/new", WEEKEND | {"name": "Taken"})
    assert taken.status_code == 422
    assert "Another rule has this name" in error_at(taken, "name")
    long = await browser.post(f"{PATH}/new", WEEKEND | {"unit": "years", "quantity": "11"})
    assert "from 1 to 10 years" in error_at(long, "quantity")
    strange = await browser.post(f"{PATH}/new", WEEKEND | {"unit": "weeks"})
    assert strange.status_code == 422
    unknown = await browser.post(f"{PATH}/new", WEEKEND | {"operator_id": "x"})
    assert unknown.status_code == 422
    listed = await browser.get(f"{PATH}?state=all")
    assert "1–1 of 1 rule" in listed.text


async def test_two_tabs_see_each_others_values(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule("48 hours")
    address = f"{PATH}/{rule.rule_id}"
    await browser.get(address)
    first = {
        "name": "Two days",
        "quantity": "48",
        "unit": "hours",
        "finish_window_hours": "48",
        "version": "1",
    }
    assert (await browser.post(address, first)).status_code == 303
    second = await browser.post(address, first | {"name": "Fast rental", "finish_window_hours": ""})
    assert second.status_code == 409
    assert 'value="Fast rental"' in second.text
    assert "Saved meanwhile: <strong>Two days</strong>" in second.text
    assert "Saved meanwhile: <strong>48</strong>" in second.text
    assert 'name="version" type="hidden" value="2"' in second.text
    await browser.post(address, first | {"name": "Fast rental", "version": "2"})
    assert (await catalogue.ask(get_ppv_rule, rule_id=rule.rule_id)).name == "Fast rental"


async def test_the_preview_speaks_plainly(browser: Browser) -> None:
    await browser.get(f"{PATH}/new")
    sent = WEEKEND | {"unit": "hours", "quantity": "48", "finish_window_hours": "48"}
    shown = await browser.post(f"{PATH}/preview", sent)
    assert "Start within 48 hours of buying, finish within 48 hours of the first play." in shown.text
    early = await browser.post(f"{PATH}/preview", sent | {"quantity": ""})
    assert "Fill in the time to start" in early.text


async def test_a_used_rule_says_so_and_that_purchases_keep_their_terms(
    browser: Browser, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule()
    await catalogue.ppv_movie(rule)
    listed = await browser.get(PATH)
    assert "1 movie</a>" in listed.text
    page = await browser.get(f"{PATH}/{rule.rule_id}")
    assert "A purchase keeps the terms it was sold with" in page.text


async def test_a_rule_names_each_kind_that_it_sells(browser: Browser, catalogue: Catalogue) -> None:
    rule = await catalogue.rule()
    assert "not used yet" in (await browser.get(f"{PATH}/{rule.rule_id}")).text
    await catalogue.ppv_movie(rule)
    for title in ("The Final", "The Replay"):
        await catalogue.event(title, **by_ppv(rule.rule_id))
    for page in (await browser.get(PATH), await browser.get(f"{PATH}/{rule.rule_id}")):
        assert link(page, "1 movie") == f"/console/cms/movies?rule={rule.rule_id}"
        assert link(page, "2 live events") == f"/console/cms/live-events?rule={rule.rule_id}"
        assert "season</a>" not in page.text


async def test_csv_cannot_be_taken_for_a_formula(browser: Browser, catalogue: Catalogue) -> None:
    await catalogue.rule("=1+1")
    response = await browser.get(f"{PATH}.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))
    assert [row[1:] for row in rows] == [
        ["Name", "Unit", "Quantity", "Hours to finish", "Titles", "State"],
        ["'=1+1", "hours", "48", "48", "0", "current"],
    ]


async def test_the_neighbours_rules_are_not_found(
    browser: Browser, neighbour: Catalogue, other_operator: Operator
) -> None:
    rule = await neighbour.rule()
    address = f"{PATH}/{rule.rule_id}"
    assert (await browser.get(address)).status_code == 404
    for path in (address, f"{address}/archive", f"{address}/unarchive"):
        assert (await browser.post(path, WEEKEND if path == address else None)).status_code == 404
    assert (await neighbour.ask(get_ppv_rule, rule_id=rule.rule_id)) == rule
    assert (await browser.get(f"{PATH}/not-an-id")).status_code == 404


async def test_care_staff_may_look_but_not_change(
    app: object, database: Database, operator: Operator, catalogue: Catalogue
) -> None:
    rule = await catalogue.rule()
    staff = await add_staff(database, operator, "care")
    async with open_browser(app, operator) as browser:  # type: ignore[arg-type]
        await browser.sign_in(staff.email)
        listed = await browser.get(PATH)
        assert (listed.status_code, "Add rule" in listed.text) == (200, False)
        assert (await browser.get(f"{PATH}/{rule.rule_id}")).status_code == 200
        assert (await browser.get(f"{PATH}/new")).status_code == 403
        for path in (f"{PATH}/new", f"{PATH}/{rule.rule_id}", f"{PATH}/{rule.rule_id}/archive"):
            refused = await browser.post(path, WEEKEND)
            assert refused.status_code == 403
            assert "needs the role catalogue" in refused.text
    assert (await catalogue.ask(get_ppv_rule, rule_id=rule.rule_id)) == rule
