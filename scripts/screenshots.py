"""Take the README's pictures from a demo of its own, and write them small into docs/images."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from matinee.main.demo.cast import OPERATORS

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
OPERATOR = OPERATORS[0]
LARGEST_BYTES = 300_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE: ViewportSize = {"width": 1280, "height": 812}
PHONE: ViewportSize = {"width": 390, "height": 800}


def main() -> int:
    """Run the demo, take the pictures, stop the demo."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with _demo() as port, sync_playwright() as playwright:
        path = os.environ.get("MATINEE_CHROMIUM", shutil.which("chromium")) or None
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        address = f"http://{OPERATOR.host}:{port}"
        _take_app(browser, address)
        _take_console(browser, address)
        browser.close()
    return 0


@contextmanager
def _demo() -> Iterator[int]:
    """Run a new demo in a folder of its own and yield its port."""
    port, billing_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="matinee-pictures-") as name:
        folder = Path(name) / "demo"
        ports = {"PORT": str(port), "BILLING_PORT": str(billing_port), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "matinee.main", "demo", "--data", str(folder)]
        demo = subprocess.Popen(command, env=os.environ | ports, stdout=subprocess.PIPE, text=True)
        assert demo.stdout is not None
        try:
            while "Matinee is running" not in (line := demo.stdout.readline()):
                if not line:
                    raise SystemExit("The demo did not start.")
                print(line, end="", file=sys.stderr)
            yield port
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate()
            subprocess.run([*command, "--reset"], stdout=subprocess.DEVNULL, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _take_app(browser: Browser, address: str) -> None:
    """Sign in as the first customer and rent the first film."""
    customer, film = OPERATOR.customers[0], next(film for film in OPERATOR.films if film.rule)
    page = browser.new_page(viewport=SIZE, color_scheme="dark")
    page.goto(address)
    page.get_by_label("User name").fill(customer.username)
    page.get_by_label("Password").fill(customer.password)
    page.get_by_role("button", name="Sign in").click()
    tile = page.locator("a.tile").filter(has_text=film.title.title).first
    tile.wait_for()
    _save(page, "app-home")
    tile.click()
    page.get_by_test_id("rent").wait_for()
    _save(page, "app-film")
    page.get_by_test_id("rent").click()
    page.get_by_test_id("invoice").wait_for()
    _save(page, "app-invoice")
    page.get_by_test_id("confirm").click()
    page.get_by_test_id("watch-now").wait_for()
    page.set_viewport_size(PHONE)
    page.goto(address)
    page.locator("a.tile").first.wait_for()
    _save(page, "app-phone")


def _take_console(browser: Browser, address: str) -> None:
    """Sign in as the first member of staff; show the films and what the customer rented."""
    person, customer = OPERATOR.staff[0], OPERATOR.customers[0]
    page = browser.new_page(viewport=SIZE, color_scheme="light")
    page.goto(f"{address}/console/cms/movies")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Movies").wait_for()
    _save(page, "console-movies")
    page.goto(f"{address}/console/crm/customers")
    page.get_by_role("link", name=f"{customer.first_name} {customer.last_name}").click()
    page.get_by_role("link", name="Content", exact=True).click()
    page.get_by_text("Billing reference").first.wait_for()
    _save(page, "console-content")


def _save(page: Page, name: str) -> None:
    """Wait until the pictures are there, nothing moves and nothing is pointed at; then write a small file."""
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => Array.from(document.images).every((one) => one.complete)")
    page.wait_for_function("() => document.getAnimations().every((one) => one.playState !== 'running')")
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        data = _png(picture := shot.convert("RGB"))
    if len(data) > LARGEST_BYTES:
        data = _png(ImageOps.posterize(picture, 6))
    if len(data) > LARGEST_BYTES:
        raise SystemExit(f"{name} has {len(data)} bytes; at most {LARGEST_BYTES} are wanted.")
    (IMAGES / f"{name}.png").write_bytes(data)
    print(f"docs/images/{name}.png: {len(data) // 1000} kB")


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
