"""Find a Chromium for the browser tests, or get one; prints its path, or nothing for Playwright's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_NO_BROWSER = """\
The browser tests need Chromium, and it could not be had. Any one of these three will do:
  1. a Chromium or Chrome of the system:  sudo apt-get install chromium
     (or MATINEE_CHROMIUM=/path/to/chrome make test);
  2. this command run as root on Debian, which installs that package by itself;
  3. Playwright's own download:  .venv/bin/playwright install --with-deps chromium-headless-shell"""


def main() -> int:
    """Try the system's browser, then Debian's package, then Playwright's download."""
    browser = _of_system() or _from_debian() or _of_playwright()
    if browser is None:
        print(_NO_BROWSER, file=sys.stderr)
        return 1
    print(browser)
    return 0


def _of_system() -> str | None:
    """Return the browser named by MATINEE_CHROMIUM or found on the path. Snap's stubs cannot be driven."""
    for name in (os.environ.get("MATINEE_CHROMIUM", ""), *_NAMES):
        found = shutil.which(name) if name else None
        if found is not None and _answers(found):
            return found
    return None


def _answers(program: str) -> bool:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"snap" not in done.stdout


def _from_debian() -> str | None:
    """Install Debian's package when we are root there. Ubuntu's is an empty one that asks for snap."""
    release = Path("/etc/os-release")
    if os.geteuid() != 0 or not release.exists() or "ID=debian" not in release.read_text().splitlines():
        return None
    print("Installing Debian's chromium for the browser tests ...", file=sys.stderr)
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=400"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", "chromium"]):
        if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode != 0:
            return None
    return _of_system()


def _of_playwright() -> str | None:
    """Return "" when Playwright's own browser is there or can be downloaded."""
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    print("Asking Playwright for its own Chromium ...", file=sys.stderr)
    try:
        done = subprocess.run(command, stdout=sys.stderr, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return None
    return "" if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
