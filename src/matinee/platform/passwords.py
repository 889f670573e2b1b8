"""Password hashing: Argon2id in a bounded pool of threads, so that sign-ins cannot starve everything else."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from matinee.kernel.errors import Invalid

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256

# OWASP's second recommended setting: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_NOBODY = _HASHER.hash("the hash that is checked when nobody has that name")


async def hash_password(password: str, *, field: str = "password") -> str:
    """Return the encoded Argon2id hash. Raises Invalid naming `field` when too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid({field: f"Use between {SHORTEST_PASSWORD} and {LONGEST_PASSWORD} characters."})
    return await asyncio.get_running_loop().run_in_executor(_POOL, _HASHER.hash, password)


async def verify_password(password: str, encoded: str | None) -> bool:
    """Say whether `password` fits. With no hash (unknown name) it takes as long and says no."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, _verify, password, encoded)


def _verify(password: str, encoded: str | None) -> bool:
    try:
        fits = _HASHER.verify(encoded or _NOBODY, password[:LONGEST_PASSWORD])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return fits and encoded is not None
