"""Object storage: one small port over obstore, for a local folder, S3, Google Cloud and Azure.

Keys are relative paths of plain segments (`media/<operator>/<asset>/index.m3u8`): letters, digits
and `. _ -`, never a segment that starts with a dot. Whatever is written appears whole or not at all.
The local folder has no conditional update: a pointer that must be swapped safely belongs in the
database, storage only carries a copy of it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from matinee.kernel.errors import Conflict, Invalid, Misconfigured, NotFound, Unavailable

MAX_KEY_LENGTH: Final = 512
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SCHEMES: Final = ("file", "memory", "s3", "gs", "az")
_STREAM_CHUNK_BYTES: Final = 1024 * 1024
_PART_BYTES: Final = 5 * 1024 * 1024
_PARTS_IN_FLIGHT: Final = 3
# A film is large: the client's default of 30 seconds would cut it off.
_REMOTE_TIMEOUT: Final = "15m"


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """What storage knows about an object; `etag` changes with every write.

    A write does not learn `modified_at`: asking would cost one more request.
    """

    key: str
    size_bytes: int
    etag: str | None
    modified_at: datetime | None = None


class ObjectMissing(NotFound):
    """There is no object under this key."""

    code = "object_missing"


class ObjectExists(Conflict):
    """An object that must not be replaced is already there."""

    code = "object_exists"


class ObjectTooLarge(Invalid):
    """A stream or an object is larger than the caller allows."""

    code = "too_large"


class StorageUnavailable(Unavailable):
    """The storage does not answer, or refuses our credentials."""

    code = "storage_unavailable"


def check_key(key: str) -> str:
    """Return `key` if it keeps to the grammar; raise ValueError (a programming error) if not."""
    segments = key.split("/")
    if len(key) > MAX_KEY_LENGTH or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(f"not a storage key: {key[:80]!r}")
    return key


class ObjectStorage:
    """Read and write objects under checked keys. Safe to share between tasks."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        # The local folder refuses attributes; there the web server names the type by the file's ending.
        self._keeps_content_type = not isinstance(store, LocalStore)

    @classmethod
    def open(cls, url: str, *, options: Mapping[str, str] | None = None) -> Self:
        """Open `file:///folder` (made if missing), `s3://`, `gs://`, `az://` or `memory:///`.

        `options` are the store's own settings (endpoint, region, keys); what is absent comes from
        the environment, as the cloud's own tools do it. Raises Misconfigured.
        """
        scheme = url.partition(":")[0]
        if scheme not in _SCHEMES:
            schemes = ", ".join(_SCHEMES)
            raise Misconfigured(f"The storage address must start with one of {schemes}; it is {url!r}.")
        extra: dict[str, Any] = {}
        if scheme == "file":
            extra = {"mkdir": True}
        elif scheme != "memory":
            extra = {"config": dict(options or {}), "client_options": {"timeout": _REMOTE_TIMEOUT}}
        try:
            return cls(from_url(url, **extra))
        except (BaseError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise Misconfigured(f"The storage {url!r} cannot be opened: {reason}") from error

    @classmethod
    def in_memory(cls) -> Self:
        """Storage that lives as long as the object: for tests."""
        return cls(MemoryStore())

    async def put(
        self, key: str, data: bytes, *, content_type: str | None = None, only_if_absent: bool = False
    ) -> StoredObject:
        """Write `data`; with `only_if_absent` an existing object stays and ObjectExists is raised."""
        mode: Literal["create", "overwrite"] = "create" if only_if_absent else "overwrite"
        with _translated(key):
            written = await self._store.put_async(
                check_key(key), data, mode=mode, attributes=self._attributes(content_type)
            )
        return StoredObject(key=key, size_bytes=len(data), etag=written["e_tag"])

    async def put_file(self, key: str, path: Path, *, content_type: str | None = None) -> StoredObject:
        """Write the local file `path`, read in parts."""
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        with _translated(key):
            written = await self._store.put_async(
                check_key(key),
                path,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_IN_FLIGHT,
                attributes=self._attributes(content_type),
            )
        return StoredObject(key=key, size_bytes=size_bytes, etag=written["e_tag"])

    async def put_stream(
        self, key: str, chunks: AsyncIterator[bytes], *, limit_bytes: int, content_type: str | None = None
    ) -> StoredObject:
        """Write the chunks as they arrive; never more than a few parts are in memory.

        Raises ObjectTooLarge after `limit_bytes`; then, and when `chunks` raises, nothing is stored.
        """
        counted = _Limited(chunks, limit_bytes)
        with _translated(key):
            written = await self._store.put_async(
                check_key(key),
                counted.stream(),
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_IN_FLIGHT,
                attributes=self._attributes(content_type),
            )
        return StoredObject(key=key, size_bytes=counted.total_bytes, etag=written["e_tag"])

    async def get(self, key: str, *, limit_bytes: int | None = None) -> bytes:
        """Return the whole object. Raises ObjectMissing, and ObjectTooLarge above `limit_bytes`."""
        with _translated(key):
            result = await self._store.get_async(check_key(key))
            if limit_bytes is not None and result.meta["size"] > limit_bytes:
                raise _too_large(limit_bytes)
            return bytes(await result.bytes_async())

    @asynccontextmanager
    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[tuple[StoredObject, AsyncIterator[bytes]]]:
        """Yield the object's facts and its bytes [start, end) as chunks. Raises ObjectMissing."""
        checked = check_key(key)
        options: Any = None
        if end is not None:
            options = {"range": (start, end)}
        elif start > 0:
            options = {"range": {"offset": start}}
        with _translated(key):
            result = await self._store.get_async(checked, options=options)
        yield _described(result.meta), _chunks(key, result)

    async def download(self, key: str, path: Path) -> StoredObject:
        """Copy the object into the local file `path`, chunk by chunk. Raises ObjectMissing."""
        async with self.stream(key) as (meta, chunks):
            with path.open("wb") as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
        return meta

    async def head(self, key: str) -> StoredObject:
        """Return the object's facts. Raises ObjectMissing."""
        with _translated(key):
            return _described(await self._store.head_async(check_key(key)))

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        try:
            await self.head(key)
        except ObjectMissing:
            return False
        return True

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        try:
            with _translated(key):
                await self._store.delete_async(check_key(key))
        except ObjectMissing:
            return

    async def delete_folder(self, folder: str) -> int:
        """Remove every object under `folder/`; return how many there were."""
        keys = [stored.key async for stored in self.list(folder)]
        for key in keys:
            await self.delete(key)
        return len(keys)

    async def list(self, folder: str) -> AsyncIterator[StoredObject]:
        """Yield the facts of every object under `folder/`, in no promised order."""
        checked = check_key(folder)
        with _translated(folder):
            async for batch in self._store.list(checked, chunk_size=500):
                for meta in batch:
                    yield _described(meta)

    def _attributes(self, content_type: str | None) -> Any:
        if content_type is None or not self._keeps_content_type:
            return None
        return {"Content-Type": content_type}


def _described(meta: Any) -> StoredObject:
    return StoredObject(
        key=meta["path"], size_bytes=meta["size"], etag=meta["e_tag"], modified_at=meta["last_modified"]
    )


def _too_large(limit_bytes: int) -> ObjectTooLarge:
    megabytes = max(1, limit_bytes // 1_000_000)
    return ObjectTooLarge({"file": f"The file is larger than the {megabytes} MB that are allowed."})


class _Limited:
    """Counts the bytes of a stream on their way through."""

    def __init__(self, chunks: AsyncIterator[bytes], limit_bytes: int) -> None:
        self._chunks = chunks
        self._limit_bytes = limit_bytes
        self.total_bytes = 0

    async def stream(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.total_bytes += len(chunk)
            if self.total_bytes > self._limit_bytes:
                raise _too_large(self._limit_bytes)
            if chunk:
                yield chunk


async def _chunks(key: str, result: Any) -> AsyncIterator[bytes]:
    with _translated(key):
        async for chunk in result.stream(min_chunk_size=_STREAM_CHUNK_BYTES):
            yield bytes(chunk)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turn the library's errors into ours; its messages carry paths and stay in the cause."""
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissing(f"There is no stored file {key}.") from error
    except AlreadyExistsError as error:
        raise ObjectExists(f"The stored file {key} exists already.") from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable("The file storage does not answer; try again in a minute.") from error
