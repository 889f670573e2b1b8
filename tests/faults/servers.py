"""Real PostgreSQL servers that copy, follow and replace each other, from the programs that the product carries."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from matinee.platform.db import migrate
from matinee.platform.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresInfo
from matinee.platform.embedded_postgres.cluster import APP_ROLE, ENVIRONMENT, OWNER_ROLE, Cluster
from matinee.platform.embedded_postgres.leftovers import processes_in

STANDBY = "standby"
_NO_WAIT = {"synchronous_commit": "on", "max_wal_senders": "5"}


class Server(EmbeddedPostgres):
    """A server that may be a copy of another: what its databases hold is the other's business then."""

    def __init__(
        self, folder: Path, *, copy: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, durable=False, settings=_NO_WAIT | dict(settings or {}))
        self.folder = folder
        self._copy = copy

    def _prepare_databases(self, cluster: Cluster) -> None:
        if not self._copy:
            super()._prepare_databases(cluster)

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None
        return self._cluster

    def sql(self, script: str) -> None:
        """Run a script as the superuser."""
        self._sql(script)

    def base_backup(self, folder: Path, *, follow: bool) -> None:
        """Copy this running server to `folder`, where another Server may start; `follow`: as its standby."""
        command, environment = self._backup(folder, ["-R"] * follow)
        status, printed = self.cluster.account.run(command, environment=environment)
        assert status == 0, printed

    def _backup(self, folder: Path, options: list[str]) -> tuple[list[str], dict[str, str]]:
        """Make the folder of a copy; return the command that fills it, and its environment."""
        folder.mkdir(mode=0o711)
        shutil.copy(self.folder / "passwords.json", folder)
        target = folder / "cluster"
        target.mkdir(mode=0o700)
        self.cluster.account.own(target)
        reach = {
            "PGHOST": str(self._socket_dir),
            "PGPORT": "5432",
            "PGUSER": "postgres",
            "PGPASSWORD": self.cluster.passwords["postgres"],
            "PGAPPNAME": STANDBY,
        }
        usual = ["--checkpoint=fast", "--no-sync", "--wal-method=stream"]
        program = str(self.cluster.programs / "pg_basebackup")
        return [program, "-D", str(target), *usual, *options], ENVIRONMENT | reach

    @contextmanager
    def backup_under_way(self, folder: Path) -> Iterator[None]:
        """Inside the block a base backup runs, slowly."""
        command, environment = self._backup(folder, ["--max-rate=32k"])
        process = self.cluster.account.popen(command, environment=environment, output=subprocess.DEVNULL)
        try:
            self.sql(
                "DO $$ BEGIN FOR tries IN 1..1000 LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN EXISTS"
                " (SELECT FROM pg_stat_progress_basebackup WHERE phase LIKE 'streaming%');"
                " PERFORM pg_sleep(0.01); END LOOP; END $$;\n"
            )
            yield
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder)

    def mark(self, point: str) -> None:
        """Name this moment, so that an archive can be restored to it."""
        self.sql(f"SELECT pg_create_restore_point('{point}');\n")

    def archive_all(self) -> None:
        """Return when everything written so far lies in the archive."""
        self.sql(
            "CREATE TEMP TABLE last AS SELECT pg_walfile_name(pg_switch_wal()) AS name;\n"
            "DO $$ BEGIN FOR tries IN 1..1000 LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN"
            " (SELECT last_archived_wal >= name FROM pg_stat_archiver, last); PERFORM pg_sleep(0.01);"
            " END LOOP; END $$;\n"
        )

    def wait_until_writable(self) -> None:
        """Return when a recovery is over."""
        self.sql(
            "DO $$ BEGIN FOR tries IN 1..1000 LOOP EXIT WHEN NOT pg_is_in_recovery(); PERFORM pg_sleep(0.01);"
            " END LOOP; END $$;\n"
        )

    def kill(self) -> None:
        """End every process of this server at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        while processes_in(self.cluster.data):
            time.sleep(0.01)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in processes_in(self.cluster.data):
            with suppress(ProcessLookupError):  # it followed its parent meanwhile
                os.kill(pid, number)


class Pair:
    """A primary and its synchronous standby, which is the primary after a fail-over; `renew` gives it a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.primary = Server(self._next())
        self.standby: Server | None = None
        self._gone: list[Server] = []

    def start(self) -> None:
        info = self.primary.start()
        migrate(info.owner_url)
        self.renew()

    def _next(self) -> Path:
        self._count += 1
        return self._folder / f"server-{self._count}"

    def renew(self) -> None:
        """Give the primary a standby that every commit waits for, unless it has one."""
        if self.standby is None:
            folder = self._next()
            self.primary.base_backup(folder, follow=True)
            self.standby = Server(folder, copy=True)
            self.standby.start()
        self.wait_for(STANDBY)

    def wait_for(self, names: str) -> None:
        """Let commits wait for the standbys called so; an empty text makes them asynchronous."""
        self.primary.sql(
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}';\nSELECT pg_reload_conf();\n"
        )
        wanted = "sync" if names else "async"
        self.primary.sql(
            "DO $$ BEGIN FOR tries IN 1..500 LOOP PERFORM pg_stat_clear_snapshot();"
            f" EXIT WHEN EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = '{wanted}'"
            " AND state = 'streaming'); PERFORM pg_sleep(0.01); END LOOP; END $$;\n"
        )

    def fail_over(self) -> None:
        """Kill the primary and make the standby the primary."""
        assert self.standby is not None
        self.primary.kill()
        self._gone.append(self.primary)
        self.primary, self.standby = self.standby, None
        self.primary.thaw()
        self.primary.sql("SELECT pg_promote();\n")

    def commits_wait(self, count: int) -> None:
        """Return when so many commits wait for the standby."""
        self.primary.sql(
            "DO $$ BEGIN FOR tries IN 1..1000 LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN"
            f" (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep') >= {count};"
            " PERFORM pg_sleep(0.01); END LOOP; END $$;\n"
        )

    def stop_following(self) -> None:
        """Leave the primary alone."""
        if self.standby is not None:
            self.standby.remove()
            self.standby = None
        self.primary.sql(
            "DO $$ BEGIN FOR tries IN 1..500 LOOP PERFORM pg_stat_clear_snapshot();"
            " EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_replication); PERFORM pg_sleep(0.01); END LOOP; END $$;\n"
        )

    def sql(self, script: str) -> None:
        self.primary.sql(script)

    def scratch(self) -> Path:
        """A folder for one more copy."""
        return self._next()

    @property
    def urls(self) -> EmbeddedPostgresInfo:
        """Addresses that name both servers and lead to whichever is the primary."""
        places = [self.primary, *[self.standby] * (self.standby is not None)]

        def url(role: str) -> str:
            each = [
                urlsplit(getattr(one.database("matinee"), "app_url" if role == APP_ROLE else "owner_url"))
                for one in places
                if one is not None
            ]
            hosts = ",".join(part.query.partition("host=")[2].partition("&")[0] for part in each)
            ports = ",".join("5432" for _ in each)
            user = each[0].netloc
            return f"postgresql://{user}/matinee?host={hosts}&port={ports}&target_session_attrs=primary"

        return EmbeddedPostgresInfo(owner_url=url(OWNER_ROLE), app_url=url(APP_ROLE))

    def remove(self) -> None:
        for server in (*self._gone, self.primary, self.standby):
            if server is not None:
                server.remove()


class Archived:
    """A server whose write-ahead log is archived, as an operator's nightly backup and archiving do it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archive = folder / "archive"
        self._archive.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._archive, "nobody")  # whom root lets PostgreSQL run as
        copying = {"archive_mode": "on", "archive_command": f"cp %p {self._archive}/%f"}
        self.server = Server(folder / "first", settings=copying)
        self.restored: Server | None = None

    def start(self) -> EmbeddedPostgresInfo:
        info = self.server.start()
        migrate(info.owner_url)
        self.server.base_backup(self._folder / "second", follow=False)
        return info

    def restore(self, point: str) -> EmbeddedPostgresInfo:
        """Lose the server and bring its base backup up to `point`."""
        self.server.archive_all()
        self.server.kill()
        second = self._folder / "second"
        fetching = {
            "restore_command": f"cp {self._archive}/%f %p",
            "recovery_target_name": point,
            "recovery_target_action": "promote",
        }
        (second / "cluster" / "recovery.signal").touch()
        self.restored = Server(second, copy=True, settings=fetching)
        info = self.restored.start()
        self.restored.wait_until_writable()
        return info

    def remove(self) -> None:
        for server in (self.server, self.restored):
            if server is not None:
                server.remove()


@contextmanager
def running_pair(folder: Path) -> Iterator[Pair]:
    """A pair for the length of a `with`."""
    pair = Pair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.remove()
