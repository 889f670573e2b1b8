"""A season and a live event, rented and watched."""

from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp
from tests.journeys.shop import Shop


def test_a_season_is_rented_once_and_its_second_episode_plays(meridian: Shop, open_app: OpenApp) -> None:
    customer = meridian.customer("sanne")
    season = meridian.season("Tidewater", episodes=("Low water", "High water"))
    app = open_app("meridian", customer)
    expect(app.page.get_by_role("heading", name="Seasons")).to_be_visible()
    app.poster("Tidewater, season 1").first.click()
    expect(app.page.get_by_test_id("episode-2")).to_contain_text("High water")
    expect(app.page.get_by_test_id("play-episode-2")).to_have_count(0)
    invoice = app.rent()
    expect(invoice).to_contain_text("Tidewater, season 1")
    expect(invoice).to_contain_text("All episodes are included")
    app.confirm()
    app.expect_outcome("granted")
    app.page.get_by_role("button", name="Watch now").click()
    app.page.get_by_test_id("play-episode-2").click()
    app.expect_playing()
    app.expect_colours()
    app.leave_player()
    app.page.get_by_test_id("play-episode-1").click()
    app.expect_playing()
    app.leave_player()
    assert len(meridian.charges(season)) == 1
    expect(app.my_rentals().filter(has_text="Tidewater, season 1")).to_contain_text("left")


def test_a_live_event_is_rented_and_ends_with_itself(meridian: Shop, open_app: OpenApp) -> None:
    customer, event = meridian.customer("karel"), meridian.event("The Final")
    app = open_app("meridian", customer)
    expect(app.page.get_by_role("heading", name="Live events")).to_be_visible()
    app.open_film(event, "live_event")
    expect(app.page.get_by_test_id("event-phase")).to_contain_text("Live now")
    invoice = app.rent()
    expect(invoice).to_contain_text("The rental ends with the event")
    app.confirm()
    app.expect_outcome("granted")
    app.page.get_by_role("button", name="Watch now").click()
    app.page.get_by_test_id("play").click()
    app.expect_playing()
    app.expect_colours()

    meridian.end_event(event)
    with app.page.expect_response("**/api/keys/**") as refused:
        app.seek(0.98)
    assert refused.value.status == 403
    expect(app.page.get_by_test_id("rental-ended")).to_contain_text("This live event is over.")
    expect(app.video).to_have_count(0)

    app.open_film(event, "live_event")
    expect(app.page.get_by_test_id("not-for-sale")).to_contain_text("This live event is over.")
    expect(app.page.get_by_test_id("rent")).to_have_count(0)
    assert len(meridian.charges(event)) == 1


def test_on_a_tv_right_stays_in_its_row(meridian: Shop, open_app: OpenApp) -> None:
    customer, event = meridian.customer("okke"), meridian.event("Row By Row")
    meridian.movie("Another Row")
    app = open_app("meridian", customer, device="tv", viewport={"width": 1920, "height": 1080})
    tile = app.poster(event.title).first
    row = app.page.locator("section.rail").filter(has=tile)
    tile.focus()
    for _ in range(4):
        app.page.keyboard.press("ArrowRight")
        expect(row.locator("a.tile:focus")).to_have_count(1)
    app.page.get_by_role("link", name="Meridian Cable").focus()
    app.page.keyboard.press("ArrowRight")
    expect(app.page.get_by_role("link", name="Films")).to_be_focused()
