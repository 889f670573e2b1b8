"""Take the README's pictures of the subscriber app and the console from a demo of their own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from matinee.main.demo.cast import OPERATORS

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURES: Final = ROOT / "docs" / "images"
_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--force-color-profile=srgb",
]


def main() -> None:
    """Start a demo, take the pictures, stop it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    operator = OPERATORS[0]
    with _demo() as port, sync_playwright() as playwright:
        executable = os.environ.get("MATINEE_CHROMIUM") or None
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1)
        address = f"http://{operator.host}:{port}"
        _app(page, address)
        _console(page, address)
        browser.close()


def _app(page: Page, address: str) -> None:
    viewer = OPERATORS[0].customers[0]
    page.goto(f"{address}/")
    page.get_by_label("User name").fill(viewer.username)
    page.get_by_label("Password").fill(viewer.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("The Ninth Tide").first.wait_for()
    page.wait_for_load_state("networkidle")
    _take(page, "app")


def _console(page: Page, address: str) -> None:
    person = OPERATORS[0].staff[0]
    page.goto(f"{address}/console/sign-in")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{address}/console/cms/movies")
    page.get_by_text("The Ninth Tide").first.wait_for()
    page.wait_for_load_state("networkidle")
    _take(page, "console")


def _take(page: Page, name: str) -> None:
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} kB")


@contextmanager
def _demo() -> Iterator[int]:
    """Run a demo on free ports with data that goes away; gives the port of its web server."""
    port, billing_port = _free_ports()
    with tempfile.TemporaryDirectory(prefix="matinee-pictures-") as name:
        if os.geteuid() == 0:
            Path(name).chmod(0o711)  # the database's own account must get through
        data = str(Path(name) / "demo")
        command = [sys.executable, "-m", "matinee.main", "demo", "--data", data]
        ports = {"PORT": str(port), "BILLING_PORT": str(billing_port)}
        demo = subprocess.Popen(command, env=os.environ | ports, stdout=subprocess.PIPE, text=True)
        assert demo.stdout is not None
        try:
            for line in demo.stdout:
                print(line, end="", flush=True)
                if "Ctrl-C stops everything" in line:
                    yield port
                    break
            else:
                raise SystemExit("The demo did not start.")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)
            subprocess.run([*command, "--reset"], check=True, stdout=subprocess.DEVNULL)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


if __name__ == "__main__":
    main()
