"""Run packaging in a process of its own.

Decoders are large C libraries fed with files from outside: one that crashes or hangs must not take the
worker with it, and the worker's event loop must stay free for charges. The child gets no secrets in its
environment, talks JSON lines, and ends by itself when its parent goes away.
"""

import asyncio
import os
import shutil
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import av.logging
import msgspec

from matinee.kernel.errors import Invalid, MatineeError
from matinee.media.packaging import package_video
from matinee.media.probing import unreadable
from matinee.media.types import Packaged

_NICENESS: Final = 10
_MAX_LINE_BYTES: Final = 8 * 1024 * 1024
_KEPT_ERROR_BYTES: Final = 2000
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class PackagingFailed(MatineeError):
    """Packaging stopped for a reason that is not the film's: full disk, killed process, a fault of ours."""

    code = "packaging_failed"


class _Order(msgspec.Struct, frozen=True):
    source: str
    into: str
    key_url: str


class _Report(msgspec.Struct, frozen=True):
    kind: Literal["progress", "done", "invalid", "failed"]
    percent: int = 0
    packaged: Packaged | None = None
    message: str = ""


async def package_in_process(
    source: Path, into: Path, *, key_url: str, on_progress: Callable[[int], Awaitable[None]]
) -> Packaged:
    """Do `package_video` in a child process; cancelling the call kills it and removes what it began.

    Raises Invalid as `package_video` does, PackagingFailed when the child could not finish.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_bare_environment(),
        limit=_MAX_LINE_BYTES,
    )
    orders, reports, errors = _pipes(child)
    complaints = asyncio.create_task(_tail(errors))
    try:
        order = _Order(source=str(source), into=str(into), key_url=key_url)
        orders.write(msgspec.json.encode(order) + b"\n")
        # Standard input stays open: its end tells the child that nobody waits any more.
        return await _listen(reports, on_progress)
    except _Silent:
        raise await _explained(child, complaints) from None
    finally:
        await _end(child)
        complaints.cancel()
        await asyncio.to_thread(_remove_unfinished, into)


def _pipes(
    child: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise PackagingFailed("The packaging process could not be connected.")
    return child.stdin, child.stdout, child.stderr


class _Silent(Exception):
    """The child ended without a result."""


async def _listen(lines: asyncio.StreamReader, on_progress: Callable[[int], Awaitable[None]]) -> Packaged:
    async for line in lines:
        report = msgspec.json.decode(line, type=_Report)
        if report.kind == "progress":
            await on_progress(report.percent)
        elif report.kind == "invalid":
            raise unreadable(report.message)
        elif report.packaged is not None:
            return report.packaged
        else:
            raise PackagingFailed(report.message)
    raise _Silent


async def _explained(child: asyncio.subprocess.Process, complaints: asyncio.Task[bytes]) -> Exception:
    """Say why a child ended without a result: a crash in a decoder is the film's doing."""
    status = await child.wait()
    said = (await complaints).decode(errors="replace").strip()
    if -status in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        return unreadable()
    return PackagingFailed(f"The packaging process ended early (status {status}). {said[-300:]}".strip())


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-_KEPT_ERROR_BYTES:]
    return kept


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
    # Shielded: a second cancellation must not leave a zombie behind.
    await asyncio.shield(child.wait())


def _remove_unfinished(into: Path) -> None:
    shutil.rmtree(into.with_name(into.name + ".unfinished"), ignore_errors=True)


def _bare_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def main() -> None:
    """Entry point of the child: one order on standard input, reports on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    av.logging.set_level(None)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Order)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        packaged = package_video(
            Path(order.source),
            Path(order.into),
            key_url=order.key_url,
            on_progress=lambda percent: _say(_Report(kind="progress", percent=percent)),
        )
    except Invalid as error:
        _say(_Report(kind="invalid", message=error.message))
    except OSError as error:
        _say(_Report(kind="failed", message=f"The film could not be written: {error.strerror or error}"))
    else:
        _say(_Report(kind="done", packaged=packaged))


def _say(report: _Report) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


def _leave_with_parent() -> None:
    # The descriptor itself: a thread that waits in the buffered reader would block an orderly exit.
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
