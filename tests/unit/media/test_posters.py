import io
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id
from matinee.media import posters
from matinee.media.posters import Poster, PosterUse, make_poster, poster_image_key, save_poster
from matinee.platform.storage import ObjectStorage

RED, BLUE = (200, 30, 30), (30, 40, 200)


def picture(size: tuple[int, int] = (600, 900), mode: str = "RGB") -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, size[1] // 2, *size))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(poster: Poster, use: PosterUse) -> Image.Image:
    return Image.open(io.BytesIO(poster.image(use).data))


def near(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return next(
        (
            colour
            for colour in (RED, BLUE)
            if all(abs(a - b) < 25 for a, b in zip(colour, pixel, strict=True))
        ),
        pixel,
    )


def refusal(upload: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        make_poster(upload)
    assert list(caught.value.fields) == ["poster"]
    return caught.value.fields["poster"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_poster_comes_in_the_sizes_of_the_apps(kind: str) -> None:
    poster = make_poster(encoded(picture(), kind))
    shapes = {image.use: decoded(poster, image.use).size for image in poster.images}
    assert shapes == {"tv": (480, 720), "handheld": (240, 360), "list": (60, 90)}
    assert {(i.width, i.height) for i in poster.images} == set(shapes.values())
    assert {decoded(poster, image.use).format for image in poster.images} == {"WEBP"}
    tv = decoded(poster, "tv")
    assert (near(tv, 0.5, 0.1), near(tv, 0.5, 0.9)) == (RED, BLUE)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA", "I;16"])
def test_every_way_to_store_colours_is_understood(mode: str) -> None:
    image = (
        picture().convert("L").convert("I").point(lambda v: v * 256).convert("I;16")
        if mode == "I;16"
        else (picture(mode=mode))
    )
    poster = make_poster(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert decoded(poster, "tv").mode == "RGB"
    grey = decoded(poster, "tv").convert("L").getpixel((240, 90))
    assert isinstance(grey, int)
    assert 40 < grey < 120 or mode == "1"


def test_a_see_through_image_gets_a_dark_ground() -> None:
    poster = make_poster(encoded(Image.new("RGBA", (600, 900), (255, 255, 255, 0))))
    pixel = decoded(poster, "tv").getpixel((100, 100))
    assert isinstance(pixel, tuple)
    assert max(pixel) < 40


def test_another_shape_is_cut_not_squeezed() -> None:
    image = Image.new("RGB", (1800, 900), RED)
    image.paste(BLUE, (600, 0, 1200, 900))
    tv = decoded(make_poster(encoded(image)), "tv")
    assert [near(tv, x, 0.5) for x in (0.02, 0.5, 0.98)] == [BLUE, BLUE, BLUE]


def test_a_photo_is_turned_as_its_camera_says_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    exif[0x010E] = "canary-description"
    photo = encoded(picture(), "JPEG", exif=exif.tobytes(), comment=b"canary-comment")
    poster = make_poster(photo)
    tv = decoded(poster, "tv")
    assert (near(tv, 0.5, 0.1), near(tv, 0.5, 0.9)) == (BLUE, RED)
    assert b"canary" in photo
    for image in poster.images:
        assert b"canary" not in image.data
        assert set(Image.open(io.BytesIO(image.data)).info) <= {"loop", "background", "timestamp", "duration"}


def test_hidden_text_and_trailing_bytes_do_not_survive() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "canary")
    upload = encoded(picture(), pnginfo=notes) + b"<script>canary</script>"
    assert all(b"canary" not in image.data for image in make_poster(upload).images)


def test_the_same_picture_has_the_same_name_and_another_has_another() -> None:
    one, same = make_poster(encoded(picture())), make_poster(encoded(picture(), compress_level=1))
    other = make_poster(encoded(Image.new("RGB", (600, 900), BLUE)))
    assert one == same
    assert one.poster_id != other.poster_id
    assert len(one.poster_id) == 32


@pytest.mark.parametrize(
    "upload",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'\xef\xbb\xbf<?xml version="1.0"?><!DOCTYPE svg><svg/>',
        b"  \n<!-- x --><SVG/>",
    ],
)
def test_svg_is_refused_by_name(upload: bytes) -> None:
    assert "SVG drawings are not accepted" in refusal(upload)


@pytest.mark.parametrize(
    "upload",
    [
        b"",
        b"no image",
        b"%PDF-1.7",
        b"GIF89a" + bytes(40),
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(200),
        b"RIFF\x10\0\0\0WEBPVP8 ",
    ],
)
def test_what_is_no_image_is_refused(upload: bytes) -> None:
    assert "not an image that can be read" in refusal(upload)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_half_an_image_is_refused(kind: str) -> None:
    noise = Image.effect_noise((600, 900), 60).convert("RGB")
    whole = encoded(noise, kind)
    assert "not an image that can be read" in refusal(whole[: len(whole) // 2])


def test_other_image_formats_are_refused() -> None:
    assert "not an image" in refusal(encoded(picture(), "GIF"))
    assert "not an image" in refusal(encoded(picture(), "TIFF"))
    assert "not an image" in refusal(encoded(picture(), "BMP"))


def test_a_small_image_is_refused() -> None:
    assert "would look blurred" in refusal(encoded(picture((239, 600))))
    assert "1000 x 1500" in refusal(encoded(picture((400, 359))))


def png_header(width: int, height: int) -> bytes:
    """A file of a few bytes that claims to be large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(8000, 5001), (10_000, 10_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    assert "more than 40 million pixels" in refusal(png_header(*size))


def test_too_many_bytes_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posters, "MAX_UPLOAD_BYTES", 1000)
    assert "larger than" in refusal(encoded(Image.effect_noise((600, 900), 60)))


async def test_a_saved_poster_lies_where_the_apps_find_it() -> None:
    storage, operator_id = ObjectStorage.in_memory(), new_id()
    key = await save_poster(storage, operator_id=operator_id, upload=encoded(picture()))
    assert key.startswith(f"media/{operator_id}/posters/")
    stored = sorted([found.key async for found in storage.list("media")])
    assert stored == [f"{key}/handheld.webp", f"{key}/list.webp", f"{key}/tv.webp"]
    tv = Image.open(io.BytesIO(await storage.get(poster_image_key(key, "tv"))))
    assert tv.size == (480, 720)
    assert await save_poster(storage, operator_id=operator_id, upload=encoded(picture())) == key


async def test_a_refused_poster_stores_nothing() -> None:
    storage = ObjectStorage.in_memory()
    with pytest.raises(Invalid):
        await save_poster(storage, operator_id=new_id(), upload=b"<svg/>")
    assert [found.key async for found in storage.list("media")] == []
