import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.unit.media.clips import make_clip, play

from matinee.kernel.errors import Invalid
from matinee.media import packaging_process
from matinee.media.packaging_process import PackagingFailed, package_in_process

KEY_URL = "/keys/{key_id}"


async def ignore(percent: int) -> None:
    del percent


def children() -> list[int]:
    """Packaging processes of this process that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid() and b"packaging_process" in command:
                found.append(int(entry.name))
    return found


async def test_a_film_is_packaged_outside_the_event_loop(tmp_path: Path) -> None:
    heard: list[int] = []

    async def hear(percent: int) -> None:
        heard.append(percent)

    source = make_clip(tmp_path / "in.mkv", video="mpeg4")
    packaged = await package_in_process(source, tmp_path / "out", key_url=KEY_URL, on_progress=hear)
    assert play(tmp_path / "out", "90p", packaged.keys, tmp_path).frames == 48
    assert (heard[0], heard[-1], heard) == (0, 100, sorted(heard))
    assert children() == []


async def test_a_bad_film_is_refused_as_in_this_process(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no film")
    with pytest.raises(Invalid) as caught:
        await package_in_process(tmp_path / "in.mp4", tmp_path / "out", key_url=KEY_URL, on_progress=ignore)
    assert "Upload an MP4" in caught.value.fields["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


async def test_cancelling_ends_the_process_and_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=20, size=(640, 360), video="mpeg4", audio=None)
    begun = asyncio.Event()

    async def hear(percent: int) -> None:
        if percent >= 4:
            begun.set()

    task = asyncio.create_task(
        package_in_process(source, tmp_path / "out", key_url=KEY_URL, on_progress=hear)
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(
    ("how", "error"),
    [(signal.SIGKILL, PackagingFailed), (signal.SIGSEGV, Invalid)],
    ids=["killed", "crashed"],
)
async def test_a_process_that_dies_is_explained(
    tmp_path: Path, how: signal.Signals, error: type[Exception]
) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=20, size=(640, 360), video="mpeg4", audio=None)

    async def strike(percent: int) -> None:
        if percent == 4:
            for pid in children():
                os.kill(pid, how)

    with pytest.raises(error):
        await package_in_process(source, tmp_path / "out", key_url=KEY_URL, on_progress=strike)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


async def test_a_folder_that_cannot_be_written_is_no_fault_of_the_film(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=0.5)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PackagingFailed, match="could not be written"):
        await package_in_process(source, tmp_path / "file" / "out", key_url=KEY_URL, on_progress=ignore)


async def test_the_process_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_MASTER_KEY", "canary")
    assert "canary" not in str(packaging_process._bare_environment())


def test_the_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=20, size=(640, 360), video="mpeg4", audio=None)
    order = {"source": str(source), "into": str(tmp_path / "out"), "key_url": KEY_URL}
    child = subprocess.Popen(
        [sys.executable, "-m", "matinee.media.packaging_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(msgspec.json.encode(order) + b"\n")
    child.stdin.flush()
    assert b"progress" in child.stdout.readline()
    child.stdin.close()
    deadline = time.monotonic() + 10
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.stdout.close()
    assert child.returncode == 1
