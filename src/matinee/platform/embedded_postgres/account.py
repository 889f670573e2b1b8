"""Whom PostgreSQL runs as. It refuses to run as root, so root lends it an account that owns nothing else."""

import os
import pwd
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from matinee.kernel.errors import Misconfigured


@dataclass(frozen=True)
class Account:
    """A user and group to run PostgreSQL as; `None` means whoever we are already."""

    ids: tuple[int, int] | None

    @classmethod
    def for_cluster(cls, cluster: Path) -> "Account":
        """Choose the account: ourselves, or, for root, the owner of an existing cluster, else `nobody`.

        Raises Misconfigured when root has no `nobody`, or the cluster belongs to another user.
        """
        owner = cluster.stat() if cluster.exists() else None
        if os.geteuid() != 0:
            if owner is not None and owner.st_uid != os.geteuid():
                raise Misconfigured(f"{cluster} belongs to another user. Remove it, or use another folder.")
            return cls(None)
        if owner is not None and owner.st_uid != 0:
            return cls((owner.st_uid, owner.st_gid))
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise Misconfigured("PostgreSQL cannot run as root, and there is no user `nobody`.") from error
        return cls((nobody.pw_uid, nobody.pw_gid))

    def own(self, path: Path) -> None:
        """Hand one path of our own making to this account."""
        if self.ids is not None:
            os.chown(path, *self.ids)

    def popen(
        self,
        command: list[str],
        *,
        environment: Mapping[str, str],
        output: int | IO[bytes],
        preexec: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account, in a session of its own so that Ctrl-C does not reach it."""
        user, group = self.ids or (None, None)
        try:
            return subprocess.Popen(
                command,
                user=user,
                group=group,
                extra_groups=[] if self.ids else None,
                umask=0o077,
                cwd="/",
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=preexec,
            )
        except subprocess.SubprocessError as error:  # what a failing preexec or setuid is reported as
            raise Misconfigured(f"{command[0]} could not be started as an unprivileged user.") from error

    def run(self, command: list[str], *, environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a program as this account to its end; returns its exit status and all that it printed."""
        process = self.popen(command, environment=environment, output=subprocess.PIPE)
        printed, _ = process.communicate()
        return process.returncode, printed.decode(errors="replace")

    def can_enter(self, folder: Path) -> bool:
        """Say whether this account may reach `folder` by its path, asking the system itself."""
        if self.ids is None:
            return True
        status, _ = self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)], environment={})
        return status == 0

    def can_run(self, program: Path) -> bool:
        """Say whether this account may run `program`."""
        try:
            status, _ = self.run([str(program), "--version"], environment={})
        except (PermissionError, FileNotFoundError):
            return False
        return status == 0
