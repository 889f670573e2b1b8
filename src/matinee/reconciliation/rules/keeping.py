"""How long what was uploaded is kept. The report, which says what each row came to, stays for good."""

from datetime import timedelta
from typing import Final

CONTENT_KEPT: Final = timedelta(days=90)
"""How long a file's own bytes stay after its last step: long enough to look at them when a report is doubted.

They may hold more of billing's customers than Matinee needs to know, so not longer.
"""

ABANDONED_AFTER: Final = timedelta(days=30)
"""After so long nobody will name the columns of an uploaded file any more."""
