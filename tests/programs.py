"""Programs of the system that some tests want and that Matinee itself does without."""

import os
import shutil

import pytest


def require_program(name: str, *, package: str | None = None) -> str:
    """Return the path of a program. Without it the test is skipped by name, or fails where CI should have it.

    `package` is Debian's name for it, if that is another.
    """
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed (Debian: apt-get install {package or name})"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}; .ci/run should have done that")
        pytest.skip(message)
    return found
