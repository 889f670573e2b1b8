"""Where the tests keep what nobody wants after them."""

import os
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = Path("/dev/shm")  # nosec B108
_ROOM_BYTES: Final = 2 * 2**30


def quick_place() -> Path | None:
    """Return a folder in memory that has room for databases and may hold programs; None where there is none.

    Nearly every test clones a database and drops it: hundreds of files each. ext4 without a journal gives no
    inode away anew for some minutes, so that every new file there costs more than the one before it.
    """
    try:
        found = os.statvfs(_IN_MEMORY)
    except OSError:
        return None
    roomy = found.f_bavail * found.f_frsize >= _ROOM_BYTES and not found.f_flag & os.ST_NOEXEC
    return _IN_MEMORY if roomy and os.access(_IN_MEMORY, os.W_OK) else None
