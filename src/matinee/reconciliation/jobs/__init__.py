"""Background work with settlement files: reading and comparing one, applying its report, removing it when it is old."""

from matinee.reconciliation.jobs.applying import apply_file
from matinee.reconciliation.jobs.importing import import_file
from matinee.reconciliation.jobs.keeping import remove_old_contents

__all__ = ["apply_file", "import_file", "remove_old_contents"]
