"""Apps read what was published, never the CMS; and nobody sees another operator's."""

from decimal import Decimal

from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp, OpenConsole
from tests.journeys.shop import Shop


def test_a_film_is_seen_after_the_sync_and_not_before(
    solstice: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    customer = solstice.customer("sara")
    solstice.movie("Already There")
    solstice.movie("Still Unseen", publish=False)
    app = open_app("solstice", customer)
    expect(app.poster("Already There").first).to_be_visible()
    expect(app.poster("Still Unseen")).to_have_count(0)

    console = open_console("solstice")
    console.sync_all()
    app.open()
    expect(app.poster("Still Unseen").first).to_be_visible()


def test_the_price_that_was_synced_is_the_price_that_is_charged(
    solstice: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    customer, film = solstice.customer("paul"), solstice.movie("Dear Ticket", price=499)
    console = open_console("solstice")
    console.open(f"/cms/movies/{film.movie_id}")
    console.fill(**{"prices-0-amount": "7.49"})
    console.page.get_by_role("button", name="Save movie").click()
    expect(console.message("Dear Ticket")).to_be_visible()

    app = open_app("solstice", customer)
    app.open_film(film)
    expect(app.page.get_by_role("button", name="Rent for €4.99")).to_be_visible()
    expect(app.rent()).to_contain_text("€4.99")
    app.confirm()
    app.expect_outcome("granted")
    assert [one.amount for one in solstice.charges(film)] == [Decimal("4.99")]

    console.sync_all()
    other = open_app("solstice", solstice.customer("paula"))
    other.open_film(film)
    expect(other.page.get_by_role("button", name="Rent for €7.49")).to_be_visible()


def test_two_operators_see_only_what_is_theirs(
    meridian: Shop, solstice: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    mine, theirs = meridian.movie("Meridian Only"), solstice.movie("Solstice Only")
    for shop in (meridian, solstice):
        shop.customer("same-name")
    app, other = open_app("meridian", "same-name"), open_app("solstice", "same-name")
    app.open(f"/title/movie/{theirs.movie_id}")
    expect(app.page.get_by_role("heading", name="This film is not in the catalogue")).to_be_visible()
    assert app.post("/api/quotes", {"item_kind": "movie", "item_id": mine.movie_id}) == 201
    assert app.post("/api/quotes", {"item_kind": "movie", "item_id": theirs.movie_id}) in (403, 404)

    other.buy(theirs)
    assert solstice.charges(theirs) != []
    expect(app.my_rentals()).to_have_count(0)
    console, neighbour = open_console("meridian"), open_console("solstice")
    console.open("/cms/movies?q=Only")
    expect(console.page.get_by_role("link", name=mine.title)).to_be_visible()
    expect(console.page.get_by_text(theirs.title)).to_have_count(0)
    for stranger, film in ((console, theirs), (neighbour, mine)):
        stranger.open(f"/cms/movies/{film.movie_id}")
        expect(stranger.page.get_by_role("heading", level=1)).to_be_visible()
        expect(stranger.page.get_by_text(film.title)).to_have_count(0)
