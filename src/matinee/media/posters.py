"""Posters that staff upload: decoded, turned upright, cut to 2:3 and written anew in the sizes apps use.

Nothing of the uploaded bytes is kept: no metadata, no hidden payload, no file name. A poster is stored in a
folder named by the hash of its content, so it can be cached for ever.
"""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal
from uuid import UUID

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from matinee.kernel.errors import Invalid
from matinee.platform.storage import ObjectStorage

PosterUse = Literal["tv", "handheld", "list"]

MAX_UPLOAD_BYTES: Final = 15 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
SIZES: Final[dict[PosterUse, tuple[int, int]]] = {"tv": (480, 720), "handheld": (240, 360), "list": (60, 90)}
MIN_SIZE: Final = SIZES["handheld"]
CONTENT_TYPE: Final = "image/webp"
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_QUALITY: Final = 84
_BACKDROP: Final = (16, 18, 24)

_NO_IMAGE = "This file is not an image that can be read. Upload the poster as JPEG, PNG or WebP."
_NO_SVG = "SVG drawings are not accepted. Export the poster as JPEG, PNG or WebP and upload that."
_TOO_MANY_BYTES = f"This image is larger than {MAX_UPLOAD_BYTES // 1024**2} MB. Save it smaller first."
_TOO_MANY_PIXELS = (
    f"This image has more than {MAX_PIXELS // 1_000_000} million pixels. 1000 x 1500 is plenty for a poster."
)
_TOO_SMALL = (
    f"This image is smaller than {MIN_SIZE[0]} x {MIN_SIZE[1]} pixels and would look blurred. "
    "Upload a larger one; 1000 x 1500 is good."
)


class PosterImage(msgspec.Struct, frozen=True, kw_only=True):
    """One size of a poster, as WebP."""

    use: PosterUse
    width: int
    height: int
    data: bytes


class Poster(msgspec.Struct, frozen=True, kw_only=True):
    """A poster in every size; `poster_id` (32 hex digits) is the same for the same picture."""

    poster_id: str
    images: tuple[PosterImage, ...]

    def image(self, use: PosterUse) -> PosterImage:
        return next(image for image in self.images if image.use == use)


def make_poster(upload: bytes) -> Poster:
    """Return the poster made of an uploaded image. Blocks for up to a second: call it in a thread.

    Other shapes than 2:3 are cut around their middle. Raises Invalid (field `poster`) with the mend.
    """
    picture = _decode(upload)
    images: list[PosterImage] = []
    for use, size in SIZES.items():
        fitted = ImageOps.fit(picture, size, method=Image.Resampling.LANCZOS, centering=(0.5, 0.4))
        images.append(PosterImage(use=use, width=size[0], height=size[1], data=_encode(fitted)))
    fingerprint = hashlib.sha256(b"".join(image.data for image in images))
    return Poster(poster_id=fingerprint.hexdigest()[:32], images=tuple(images))


async def save_poster(storage: ObjectStorage, *, operator_id: UUID, upload: bytes) -> str:
    """Make a poster of an upload and store it; return its key, a folder with one file for each use.

    The same picture gives the same key. Raises Invalid (field `poster`); then nothing is stored.
    """
    poster = await asyncio.to_thread(make_poster, upload)
    key = f"media/{operator_id}/posters/{poster.poster_id}"
    for image in poster.images:
        await storage.put(poster_image_key(key, image.use), image.data, content_type=CONTENT_TYPE)
    return key


def poster_image_key(poster_key: str, use: PosterUse) -> str:
    """Return the storage key of one size of a stored poster."""
    return f"{poster_key}/{use}.webp"


def _decode(upload: bytes) -> Image.Image:
    if len(upload) > MAX_UPLOAD_BYTES:
        raise _refused(_TOO_MANY_BYTES)
    if _looks_like_svg(upload):
        raise _refused(_NO_SVG)
    with _reading(), Image.open(io.BytesIO(upload), formats=_FORMATS) as opened:
        # Known from the header alone, before a single pixel is unpacked.
        if opened.width * opened.height > MAX_PIXELS:
            raise _refused(_TOO_MANY_PIXELS)
        opened.load()
        picture = _flattened(ImageOps.exif_transpose(opened))
    if picture.width < MIN_SIZE[0] or picture.height < MIN_SIZE[1]:
        raise _refused(_TOO_SMALL)
    return picture


def _flattened(picture: Image.Image) -> Image.Image:
    """Return the picture as plain RGB; see-through parts show our dark backdrop."""
    if picture.mode == "P" or "transparency" in picture.info or picture.has_transparency_data:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, _BACKDROP)
        ground.alpha_composite(layered)
        picture = ground
    # Sixteen-bit greys would be cut off, not scaled, by a plain conversion.
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    return picture.convert("RGB")


def _encode(picture: Image.Image) -> bytes:
    # A picture of its own, so that no metadata comes along.
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


def _looks_like_svg(upload: bytes) -> bool:
    head = upload[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    return head.startswith(b"<") or b"<svg" in head


@contextmanager
def _reading() -> Iterator[None]:
    """Turn every way in which an image can be broken into Invalid."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refused(_TOO_MANY_PIXELS) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise _refused(_NO_IMAGE) from error


def _refused(reason: str) -> Invalid:
    return Invalid({"poster": reason}, reason)
