"""Background work of Cloud Sync: a run from beginning to end, and keeping the manifests true."""

from matinee.publishing.jobs.manifests import repair_manifests, write_manifest
from matinee.publishing.jobs.run import run_sync

__all__ = ["repair_manifests", "run_sync", "write_manifest"]
