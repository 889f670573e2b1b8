"""The kit that an operator's developers start from: the same small rentals service in several languages, in one zip."""

import io
import zipfile
from pathlib import Path
from typing import Final

from matinee.kernel.errors import NotFound

FILE_NAME: Final = "matinee.demo.tvod.zip"
LANGUAGES: Final = ("python", "php", "node", "csharp")
SHARED: Final = ("provision.json", "openapi.yaml", "rentals.http")
"""The same in every language: the settings to import, the calls described, and the calls to send by hand."""

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_SUFFIXES: Final = frozenset({".md", ".py", ".php", ".mjs", ".cs", ".csproj", ".json", ".yaml", ".http"})
_WRITTEN: Final = (2026, 1, 1, 0, 0, 0)
"""The time of every entry, so that the same files make the same zip, byte for byte."""


def samples_folder() -> Path:
    """Return the folder of the samples: inside the installed package, or beside the source. Raises NotFound."""
    for place in (_PACKAGE / "samples" / "billing", _PACKAGE.parents[1] / "samples" / "billing"):
        if (place / "provision.json").exists():
            return place
    raise NotFound("The billing samples are not part of this installation.")


def build_kit(samples: Path) -> bytes:
    """Return the zip made of the samples in `samples`: a folder for each language, complete in itself."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "README.md", samples / "README.md")
        for language in LANGUAGES:
            own = [file for file in sorted((samples / language).iterdir()) if file.suffix in _SUFFIXES]
            for file in [*own, *(samples / name for name in SHARED)]:
                _add(archive, f"{language}/{file.name}", file)
    return packed.getvalue()


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    entry = zipfile.ZipInfo(f"matinee.demo.tvod/{name}", date_time=_WRITTEN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, file.read_bytes())
