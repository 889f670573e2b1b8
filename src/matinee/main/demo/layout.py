"""Where the demo keeps its things, and the settings that its processes share."""

import base64
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matinee.kernel.errors import Misconfigured
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo

_SAMPLE: Final = Path("samples", "billing", "python", "server.py")
_PACKAGE: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """The folder of one demo and its two ports."""

    data: Path
    port: int
    billing_port: int

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def storage(self) -> Path:
        return self.data / "storage"

    @property
    def ledger(self) -> Path:
        return self.data / "billing.sqlite"

    @property
    def film(self) -> Path:
        """The test film, as staff would upload it."""
        return self.data / "test-film.mp4"

    @property
    def seeded(self) -> Path:
        """Exists once the demo's films, customers and staff are all there."""
        return self.data / "seeded"

    def log(self, name: str) -> Path:
        """Return the log file of one process."""
        return self.data / "logs" / f"{name}.log"

    def make(self) -> None:
        """Make the folders that are missing. Raises Misconfigured when that is not allowed."""
        try:
            for folder in (self.data, self.storage, self.data / "logs"):
                folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{error.filename} cannot be made: {error.strerror}.") from error

    def forget_contents(self) -> None:
        """Remove what a seeding that was cut short has left outside the database."""
        shutil.rmtree(self.storage, ignore_errors=True)
        for file in self.data.glob(f"{self.ledger.name}*"):
            file.unlink()
        self.make()

    def forget_all(self) -> None:
        """Remove all that this demo keeps, and nothing else that somebody may have put into the folder."""
        for folder in (self.storage, self.data / "logs"):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("seeded", "environment", "secret-key", f"{self.ledger.name}*", "*.mp4"):
            for file in self.data.glob(name):
                file.unlink()
        if self.data.is_dir() and not any(self.data.iterdir()):
            self.data.rmdir()

    def environment(self, database: EmbeddedPostgresInfo) -> dict[str, str]:
        """Return the settings (`MATINEE_*`) of every process of this demo. What the caller allows may be called too."""
        more = os.environ.get("MATINEE_EGRESS_ALLOW", "")
        return {
            "MATINEE_DATABASE_URL": database.app_url,
            "MATINEE_OWNER_DATABASE_URL": database.owner_url,
            "MATINEE_STORAGE_URL": self.storage.as_uri(),
            "MATINEE_SECRET_KEY": self._secret_key(),
            "MATINEE_EGRESS_ALLOW": f"127.0.0.1/32:{self.billing_port}{more and f',{more}'}",
            "MATINEE_LOG_FORMAT": "text",
        }

    def write_environment(self, environment: dict[str, str]) -> Path:
        """Write the settings to a file for a shell, so that `matinee ...` works beside the running demo."""
        file = self.data / "environment"
        lines = [f"export {name}='{value}'\n" for name, value in environment.items()]
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.writelines(lines)
        return file

    def _secret_key(self) -> str:
        """Return this demo's own key, made once and readable by its owner alone."""
        file = self.data / "secret-key"
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(f"{key}\n")
            return key


def sample_billing() -> Path:
    """Return the sample billing server: beside the source, or inside the installed package."""
    for place in (_PACKAGE / _SAMPLE, _PACKAGE.parents[1] / _SAMPLE):
        if place.exists():
            return place
    raise Misconfigured("The sample billing server (samples/billing/python) is missing.")
