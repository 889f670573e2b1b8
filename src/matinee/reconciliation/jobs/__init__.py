"""Background work with settlement files: reading and comparing one, and applying its report."""

from matinee.reconciliation.jobs.applying import apply_file
from matinee.reconciliation.jobs.importing import import_file

__all__ = ["apply_file", "import_file"]
