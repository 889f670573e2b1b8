"""Start and stop one embedded PostgreSQL, and make databases in it."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from matinee.kernel.errors import Conflict, Unavailable
from matinee.platform.embedded_postgres import cluster as files
from matinee.platform.embedded_postgres.cluster import APP_ROLE, ENVIRONMENT, OWNER_ROLE, SUPERUSER, Cluster
from matinee.platform.embedded_postgres.leftovers import clear_leftovers, is_ready
from matinee.platform.embedded_postgres.lifeline import die_with_parent

_DATABASE = "matinee"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SOCKET_PORT = 5432  # only names the socket's file when no port is asked for
_LOG_LIMIT_BYTES = 10_000_000
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_ROLES = """
SELECT 'CREATE ROLE {owner}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{owner}') \\gexec
SELECT 'CREATE ROLE {app}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{app}') \\gexec
ALTER ROLE {owner} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD '{owner_password}';
ALTER ROLE {app} LOGIN NOCREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD '{app_password}';
"""
_DATABASE_IF_MISSING = """
SELECT 'CREATE DATABASE {name} OWNER {owner}'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {app};
"""
_CLONE = """
CREATE DATABASE {name} OWNER {owner} TEMPLATE {template};
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {app};
"""


class DataFolderInUse(Conflict):
    """Another process runs the PostgreSQL of this data folder."""

    code = "data_folder_in_use"


@dataclass(frozen=True)
class EmbeddedPostgresInfo:
    """How to reach one database: as the owner of its tables (migrations) and as the application."""

    owner_url: str
    app_url: str

    def __repr__(self) -> str:  # the addresses hold passwords
        return "EmbeddedPostgresInfo()"


class EmbeddedPostgres:
    """One PostgreSQL server whose files live in `data_dir` and which ends with the process that started it.

    Connections go through a private Unix socket; with `port` it listens on 127.0.0.1 too. Commits are
    durable unless `durable=False`, which is for tests alone. `settings` are further server parameters.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._port = port
        self._settings = (_DURABLE if durable else _FLEETING) | dict(settings or {})
        self._durable = durable
        self._lock: IO[str] | None = None
        self._cluster: Cluster | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs, else None."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    @property
    def log_file(self) -> Path:
        """What the server writes down."""
        return self._data_dir / "postgres.log"

    def start(self) -> EmbeddedPostgresInfo:
        """Start the server, on first use making its files, roles and the database `matinee`.

        What an owner that was killed left running is stopped first. Starting twice is harmless.
        Raises DataFolderInUse, Misconfigured, and Unavailable when the server does not come up.
        """
        if self.pid is not None:
            return self.database(_DATABASE)
        if self._process is not None:
            self.stop()  # it crashed: let go of what it held
        # Root's server runs as somebody else, who must get through this folder but need not look into it.
        self._data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        self._lock = _locked(self._data_dir)
        try:
            self._cluster = files.prepare(self._data_dir, durable=self._durable)
            clear_leftovers(self._cluster.data)
            self._open(self._cluster)
            self._prepare_databases(self._cluster)
        except BaseException:
            self.stop()
            raise
        return self.database(_DATABASE)

    def stop(self) -> None:
        """Stop the server and let go of the data folder; its sessions are cut. Stopping twice is harmless."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._cluster is not None:
            clear_leftovers(self._cluster.data)
            self._cluster = None
        if self._socket_dir is not None:
            _forget_socket_dir(self._data_dir)
            self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Stop the server and delete its data for good."""
        self.stop()
        if self._data_dir.is_dir():
            with _locked(self._data_dir):
                clear_leftovers(files.data_of(self._data_dir))
                _forget_socket_dir(self._data_dir)
                files.remove(self._data_dir)

    def database(self, name: str) -> EmbeddedPostgresInfo:
        """Return the addresses of the database `name`, whether or not it exists."""
        return EmbeddedPostgresInfo(owner_url=self._url(OWNER_ROLE, name), app_url=self._url(APP_ROLE, name))

    def create_database(self, name: str, *, template: str = "template1") -> EmbeddedPostgresInfo:
        """Make a database owned by the owner's role, as a copy of `template`, which nobody may be using.

        Raises Conflict when it exists already.
        """
        names = {"name": _checked(name), "template": _checked(template)}
        self._sql(_CLONE.format(**names, owner=OWNER_ROLE, app=APP_ROLE))
        return self.database(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, cutting its sessions."""
        self._sql(f"DROP DATABASE IF EXISTS {_checked(name)} WITH (FORCE);")

    def _url(self, role: str, database: str) -> str:
        if self._cluster is None:
            raise Unavailable("The embedded PostgreSQL is not running.")
        place = f"host={self._socket_dir}&port={self._port or _SOCKET_PORT}"
        return f"postgresql://{role}:{self._cluster.passwords[role]}@/{_checked(database)}?{place}"

    def _open(self, cluster: Cluster) -> None:
        self._socket_dir = _socket_dir(self._data_dir, cluster)
        given = {
            "port": str(self._port or _SOCKET_PORT),
            "listen_addresses": "127.0.0.1" if self._port else "",
            "unix_socket_directories": str(self._socket_dir),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        command = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
        for name, value in given.items():
            command += ["-c", f"{name}={value}"]
        with _log(self.log_file) as log:
            self._process = cluster.account.popen(
                command, environment=ENVIRONMENT, output=log, preexec=die_with_parent(signal.SIGINT)
            )
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready(cluster.data, self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL did not start{self._complaint()}. Its log is {self.log_file}.")
            time.sleep(0.01)

    def _complaint(self) -> str:
        """Return the last thing the server called fatal, to be shown in a message."""
        lines = self.log_file.read_text(errors="replace").splitlines()[-20:]
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        return f": {fatal[-1]}" if fatal else ""

    def _prepare_databases(self, cluster: Cluster) -> None:
        """Bring roles and the database to what they should be; does no harm when they are."""
        self._sql(
            _ROLES.format(
                owner=OWNER_ROLE,
                app=APP_ROLE,
                owner_password=cluster.passwords[OWNER_ROLE],
                app_password=cluster.passwords[APP_ROLE],
            )
            + _DATABASE_IF_MISSING.format(name=_DATABASE, owner=OWNER_ROLE, app=APP_ROLE)
        )

    def _sql(self, script: str) -> None:
        """Run `script` as the superuser through psql, from its input: passwords show in no list."""
        if self._cluster is None:
            raise Unavailable("The embedded PostgreSQL is not running.")
        connection = {
            "PGHOST": str(self._socket_dir),
            "PGPORT": str(self._port or _SOCKET_PORT),
            "PGUSER": SUPERUSER,
            "PGDATABASE": "postgres",
            "PGPASSWORD": self._cluster.passwords[SUPERUSER],
        }
        done = subprocess.run(
            [str(files.wheel_programs() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=script,
            env=ENVIRONMENT | connection,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            complaint = done.stderr.partition("ERROR:")[2] or done.stderr
            raise Conflict(f"PostgreSQL refused: {complaint.strip().partition(chr(10))[0]}")


def _locked(data_dir: Path) -> IO[str]:
    """Take the folder's lock, which the kernel gives back when we die. Raises DataFolderInUse."""
    opened = open(data_dir / "lock", "a+")  # noqa: SIM115 -- held until stop()
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        opened.seek(0)
        holder = opened.read().strip()
        opened.close()
        by = f" by process {holder}" if holder else ""
        raise DataFolderInUse(
            f"The data folder {data_dir} is in use{by}. Stop that one first, or choose another folder."
        ) from None
    opened.truncate(0)
    opened.write(str(os.getpid()))
    opened.flush()
    return opened


def _socket_dir(data_dir: Path, cluster: Cluster) -> Path:
    """Make a private folder for the socket, whose path may have 107 bytes; removes that of a killed owner."""
    _forget_socket_dir(data_dir)
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > 60 or not cluster.account.can_enter(parent):
        parent = Path("/tmp")  # nosec B108
    made = Path(tempfile.mkdtemp(prefix="matinee-pg-", dir=parent))
    cluster.account.own(made)
    (data_dir / "socket").write_text(f"{made}\n")
    return made


def _forget_socket_dir(data_dir: Path) -> None:
    """Remove the socket's folder that this start, or one that was killed, made."""
    record = data_dir / "socket"
    if record.exists():
        place = Path(record.read_text().strip())
        if place.name.startswith("matinee-pg-"):
            shutil.rmtree(place, ignore_errors=True)
        record.unlink()


def _log(file: Path) -> IO[bytes]:
    """Open the server's log for appending, setting a large one aside first."""
    if file.exists() and file.stat().st_size > _LOG_LIMIT_BYTES:
        file.replace(file.with_suffix(".log.1"))
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to shut down at once but cleanly; then less kindly."""
    for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _checked(name: str) -> str:
    """Return a name that is safe in SQL and addresses. Raises ValueError for any other."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a database name: {name!r}")
    return name
