"""The subscriber app as a person uses it."""

import re
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect
from tests.journeys.shop import PASSWORD, Film

# Two corners of the picture, decoded and drawn: what a person would see there.
_PICTURE: Final = """video => {
  const canvas = document.createElement("canvas");
  canvas.width = 40; canvas.height = 20;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 40, 20);
  const at = (x) => Array.from(context.getImageData(x, 10, 1, 1).data.slice(0, 3));
  return {left: at(5), right: at(35)};
}"""
_SHOWN: Final = """video => ({
  seconds: video.currentTime,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  paused: video.paused,
})"""
_TWO_MORE_FRAMES: Final = """video => new Promise((resolve) => {
  video.requestVideoFrameCallback(() => video.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime)));
})"""
_REMEMBER: Final = """() => {
  window.remembered = {};
  const look = () => {
    const shown = document.querySelector("[data-testid=purchase-state]");
    if (shown) window.remembered[shown.dataset.state] = shown.innerText;
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


class App:
    """One device with the app open."""

    def __init__(self, page: Page, address: str, *, device: str = "handheld") -> None:
        self.page, self.address, self.device = page, address.rstrip("/"), device

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        """Open the app and sign in; the films are on the screen afterwards."""
        self.page.goto(f"{self.address}/?device={self.device}")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="My rentals")).to_be_visible()

    def open(self, path: str = "/") -> None:
        """Go to an address of the app, as with a bookmark."""
        self.page.goto(f"{self.address}{path}")

    def poster(self, title: str) -> Locator:
        """Return the poster on the home page."""
        return self.page.locator("a.tile").filter(has_text=title)

    def open_film(self, film: Film, kind: str = "movie") -> None:
        """Open the page of a film (or of another kind) by its address, as from a message or a search."""
        self.open(f"/title/{kind}/{film.movie_id}")
        expect(self.page.get_by_role("heading", level=1, name=film.title)).to_be_visible()

    @property
    def standing(self) -> Locator:
        """What the title page says of the right to watch."""
        return self.page.get_by_test_id("standing")

    def rent(self) -> Locator:
        """Press Rent; returns the invoice."""
        self.page.get_by_test_id("rent").click()
        invoice = self.page.get_by_test_id("invoice")
        expect(invoice).to_be_visible()
        return invoice

    def confirm(self) -> Locator:
        """Confirm the invoice; returns what became of the order."""
        self.page.get_by_test_id("confirm").click()
        return self.outcome

    @property
    def outcome(self) -> Locator:
        """What became of the order, as the page says it."""
        return self.page.get_by_test_id("purchase-state")

    def expect_outcome(self, state: str) -> None:
        """Wait until the order is in this state, such as `granted`."""
        expect(self.outcome).to_have_attribute("data-state", state)

    def remember_outcomes(self) -> None:
        """From now on keep everything that the page says of an order, however short."""
        self.page.evaluate(_REMEMBER)

    def remembered(self, state: str) -> str:
        """Return what the page said while the order was in this state; empty if it never was."""
        found: str = self.page.evaluate("state => window.remembered[state] ?? ''", state)
        return found

    def buy(self, film: Film) -> None:
        """Rent a film and wait until it is granted."""
        self.open_film(film)
        self.rent()
        self.confirm()
        self.expect_outcome("granted")

    @property
    def video(self) -> Locator:
        return self.page.get_by_test_id("player-video")

    def expect_playing(self) -> None:
        """The film runs: time goes on, new frames are decoded, and the picture is the film's."""
        expect(self.video).to_be_visible()
        self.page.wait_for_function(
            "() => (document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0) > 5"
        )
        before = self.shown()
        self.video.evaluate(_TWO_MORE_FRAMES)
        self.page.wait_for_function(
            "seconds => document.querySelector('video').currentTime > seconds + 0.5", arg=before["seconds"]
        )
        after = self.shown()
        assert after["seconds"] > before["seconds"]
        assert after["frames"] > before["frames"] > 0
        assert not after["paused"]

    def expect_colours(self) -> None:
        """The decoded picture is the test clip's: red on the left, blue on the right."""
        picture = self.video.evaluate(_PICTURE)
        red, _, blue = picture["left"]
        assert red > 150 > 100 > blue, picture
        red, _, blue = picture["right"]
        assert blue > 150 > 100 > red, picture

    def shown(self) -> dict[str, Any]:
        """Return seconds played, frames decoded and whether it is paused."""
        found: dict[str, Any] = self.video.evaluate(_SHOWN)
        return found

    def seek(self, share: float) -> None:
        """Click on the bar of the player, at a share of the film between 0 and 1."""
        self._show_controls()
        bar = self.page.get_by_role("slider", name="Position")
        box = bar.bounding_box()
        assert box is not None
        bar.click(position={"x": box["width"] * share, "y": box["height"] / 2})

    def leave_player(self) -> None:
        """Go back with the button that the controls show."""
        self._show_controls()
        self.page.get_by_role("button", name="Back", exact=True).click()
        expect(self.video).to_have_count(0)

    def _show_controls(self) -> None:
        self.page.mouse.move(300, 300)
        self.page.mouse.move(320, 310)

    def my_rentals(self) -> Locator:
        """Open My rentals; returns the list, which may be empty."""
        self.page.get_by_role("link", name="My rentals").click()
        titles = re.compile("My rentals|You have not rented a film yet")
        expect(self.page.get_by_role("heading", level=1, name=titles)).to_be_visible()
        return self.page.locator("li.rental")

    def post(self, path: str, body: dict[str, str]) -> int:
        """Call the API as the app could; returns the status."""
        status: int = self.page.evaluate(
            """async ([path, body]) => (await fetch(path, {
              method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
            })).status""",
            [path, body],
        )
        return status

    def path(self) -> str:
        """Return where the app is, without host and query."""
        return re.sub(r"^https?://[^/]+|\?.*$", "", self.page.url)
