"""The installation's settings, read once from the environment (`MATINEE_*`)."""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Self

import msgspec

from matinee.kernel.errors import Misconfigured
from matinee.platform.db import Standby


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One installation. Secrets come from the environment and are never printed.

    `database_url` is the application's role, which owns nothing; `owner_database_url` is used by
    migrations and by the platform owner's commands only. `secret_key` is 32 bytes, from which the
    keys for each purpose are derived. `egress_allow` lists the private networks that billing calls
    may reach, as `NETWORK:PORT` separated by commas; empty means public https only.
    `trusted_proxies` lists the reverse proxies that are believed about whose requests they pass on.
    `database_standby` says whether a standby may take over from the database.
    """

    database_url: str
    owner_database_url: str = ""
    storage_url: str
    secret_key: bytes
    egress_allow: str = ""
    key_origin: str = ""
    trusted_proxies: str = ""
    database_connections: int = 10
    database_standby: Standby = Standby.ATTACHED
    json_logs: bool = True

    def __repr__(self) -> str:
        return f"Settings(storage_url={self.storage_url!r})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings. Raises Misconfigured naming the variable that is missing or wrong."""
        return cls(
            database_url=_required(environment, "MATINEE_DATABASE_URL"),
            owner_database_url=environment.get("MATINEE_OWNER_DATABASE_URL", ""),
            storage_url=_required(environment, "MATINEE_STORAGE_URL"),
            secret_key=_key(_required(environment, "MATINEE_SECRET_KEY")),
            egress_allow=environment.get("MATINEE_EGRESS_ALLOW", ""),
            key_origin=environment.get("MATINEE_KEY_ORIGIN", ""),
            trusted_proxies=environment.get("MATINEE_TRUSTED_PROXIES", ""),
            database_connections=_count(environment, "MATINEE_DATABASE_CONNECTIONS", 10),
            database_standby=_standby(environment.get("MATINEE_DATABASE_STANDBY", "")),
            json_logs=environment.get("MATINEE_LOG_FORMAT", "json") == "json",
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise Misconfigured(f"{name} is not set. docs/operations.md lists the settings.")
    return value


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise Misconfigured(
            "MATINEE_SECRET_KEY must be 32 random bytes in base64 (`openssl rand -base64 32`)."
        )
    return key


def _standby(text: str) -> Standby:
    try:
        return Standby(text or Standby.ATTACHED)
    except ValueError:
        choices = ", ".join(Standby)
        raise Misconfigured(f"MATINEE_DATABASE_STANDBY must be one of {choices}, not {text!r}.") from None


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if text and not text.isdigit():
        raise Misconfigured(f"{name} must be a whole number, not {text!r}.")
    return int(text) if text else default
