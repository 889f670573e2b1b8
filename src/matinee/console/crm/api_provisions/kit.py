"""The kit for operators' developers, handed out where the provisions are."""

from typing import Any

from litestar import Response, get

from matinee.console.access import allow
from matinee.provisions.kit.archive import FILE_NAME, build_kit, samples_folder
from matinee.staff.types import Role


@get("/crm/products/api-provisions/kit", guards=[allow(Role.INTEGRATION)], sync_to_thread=True)
def download_kit() -> Response[bytes]:
    """Answer with the zip, made from the samples of this installation."""
    return Response(
        build_kit(samples_folder()),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{FILE_NAME}"', "Cache-Control": "no-store"},
    )


ROUTES: list[Any] = [download_kit]
