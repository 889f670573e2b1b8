import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from matinee.kernel.errors import Misconfigured
from matinee.platform.storage import (
    ObjectExists,
    ObjectMissing,
    ObjectStorage,
    ObjectTooLarge,
    StorageUnavailable,
    check_key,
)


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStorage:
    if request.param == "memory":
        return ObjectStorage.in_memory()
    return ObjectStorage.open((tmp_path / "a folder").as_uri())


async def chunks_of(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def keys(storage: ObjectStorage, folder: str) -> list[str]:
    return sorted([stored.key async for stored in storage.list(folder)])


@pytest.mark.parametrize("key", ["a", "media/1-2_3/index.m3u8", "A/b.c/d", "x" * 512])
def test_plain_keys_are_accepted(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "a\0", "a%2fb", "é",
            "x" * 513, "a\n"],
)  # fmt: skip
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        check_key(key)


async def test_every_method_checks_its_key(storage: ObjectStorage, tmp_path: Path) -> None:
    bad = "../outside"
    with pytest.raises(ValueError, match="not a storage key"):
        await storage.put(bad, b"x")
    with pytest.raises(ValueError, match="not a storage key"):
        await storage.get(bad)
    with pytest.raises(ValueError, match="not a storage key"):
        await storage.delete(bad)
    with pytest.raises(ValueError, match="not a storage key"):
        await keys(storage, bad)
    assert not (tmp_path / "outside").exists()


async def test_what_was_put_is_read_back_with_its_size_and_etag(storage: ObjectStorage) -> None:
    written = await storage.put("a/b.txt", b"hello", content_type="text/plain")
    assert await storage.get("a/b.txt") == b"hello"
    facts = await storage.head("a/b.txt")
    assert (facts.key, facts.size_bytes, facts.etag) == ("a/b.txt", 5, written.etag)
    assert (written.key, written.size_bytes) == ("a/b.txt", 5)


async def test_overwriting_changes_the_etag(storage: ObjectStorage) -> None:
    first = await storage.put("a", b"one")
    second = await storage.put("a", b"three")
    assert await storage.get("a") == b"three"
    assert first.etag != second.etag


async def test_put_only_if_absent_keeps_the_first(storage: ObjectStorage) -> None:
    await storage.put("a", b"one", only_if_absent=True)
    with pytest.raises(ObjectExists):
        await storage.put("a", b"two", only_if_absent=True)
    assert await storage.get("a") == b"one"


async def test_a_missing_object_is_named(storage: ObjectStorage, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="films/none"):
        await storage.get("films/none")
    with pytest.raises(ObjectMissing):
        await storage.head("films/none")
    with pytest.raises(ObjectMissing):
        await storage.download("films/none", tmp_path / "copy")
    assert not await storage.exists("films/none")
    assert not (tmp_path / "copy").exists()


async def test_get_refuses_more_than_its_limit(storage: ObjectStorage) -> None:
    await storage.put("a", b"12345")
    assert await storage.get("a", limit_bytes=5) == b"12345"
    with pytest.raises(ObjectTooLarge):
        await storage.get("a", limit_bytes=4)


async def test_a_stream_larger_than_a_part_arrives_whole(storage: ObjectStorage, tmp_path: Path) -> None:
    parts = [bytes([number]) * 2_000_000 for number in range(4)]
    written = await storage.put_stream("big", chunks_of(*parts), limit_bytes=8_000_000)
    assert written.size_bytes == 8_000_000
    facts = await storage.download("big", tmp_path / "copy")
    assert facts.size_bytes == 8_000_000
    assert (tmp_path / "copy").read_bytes() == b"".join(parts)


async def test_an_empty_stream_is_an_empty_object(storage: ObjectStorage) -> None:
    written = await storage.put_stream("empty", chunks_of(b""), limit_bytes=1)
    assert (written.size_bytes, await storage.get("empty")) == (0, b"")


async def test_a_stream_over_its_limit_leaves_nothing(storage: ObjectStorage, tmp_path: Path) -> None:
    with pytest.raises(ObjectTooLarge) as caught:
        await storage.put_stream("f/big", chunks_of(*[b"x" * 6_000_000] * 3), limit_bytes=15_000_000)
    assert caught.value.fields == {"file": "The file is larger than the 15 MB that are allowed."}
    assert await keys(storage, "f") == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_stream_that_breaks_leaves_nothing(storage: ObjectStorage, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 6_000_000
        raise RuntimeError("the sender went away")

    with pytest.raises(RuntimeError, match="went away"):
        await storage.put_stream("f/big", broken(), limit_bytes=15_000_000)
    assert await keys(storage, "f") == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_stream_that_is_cancelled_leaves_nothing(storage: ObjectStorage) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await storage.put_stream("f/big", endless(), limit_bytes=15_000_000)
    assert await keys(storage, "f") == []


async def test_put_file_copies_a_local_file(storage: ObjectStorage, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"abc" * 1000)
    written = await storage.put_file("copied/file.bin", source, content_type="video/mp2t")
    assert written.size_bytes == 3000
    assert await storage.get("copied/file.bin") == b"abc" * 1000


async def test_a_range_is_streamed(storage: ObjectStorage) -> None:
    await storage.put("a", b"0123456789")
    async with storage.stream("a", start=2, end=5) as (facts, chunks):
        assert (facts.size_bytes, b"".join([chunk async for chunk in chunks])) == (10, b"234")
    async with storage.stream("a", start=7) as (_, chunks):
        assert b"".join([chunk async for chunk in chunks]) == b"789"


async def test_list_and_delete_keep_to_the_folder(storage: ObjectStorage) -> None:
    for key in ("m/1/a", "m/1/b/c", "m/10/a", "n"):
        await storage.put(key, b"x")
    assert await keys(storage, "m/1") == ["m/1/a", "m/1/b/c"]
    assert await keys(storage, "nothing/here") == []
    await storage.delete("m/1/a")
    await storage.delete("m/1/a")
    assert await keys(storage, "m/1") == ["m/1/b/c"]
    assert await storage.delete_folder("m") == 2
    assert await keys(storage, "m") == []
    assert await storage.exists("n")


async def test_deleting_and_writing_files_in_place_of_a_folder_is_reported(tmp_path: Path) -> None:
    storage = ObjectStorage.open(tmp_path.as_uri())
    await storage.put("a", b"x")
    with pytest.raises(StorageUnavailable):
        await storage.put("a/b", b"x")
    assert await storage.get("a") == b"x"


@pytest.mark.parametrize("url", ["/var/matinee", "ftp://host/x", "http://host/x", "", "s3:"])
def test_an_address_that_cannot_be_opened_is_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured):
        ObjectStorage.open(url)


def test_cloud_addresses_open_without_a_connection() -> None:
    options = {"region": "eu-central-1", "access_key_id": "x", "secret_access_key": "y"}
    assert isinstance(ObjectStorage.open("s3://bucket/prefix", options=options), ObjectStorage)
