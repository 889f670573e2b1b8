"""Writing for Cloud Sync: asking for a run, its progress, and the one swap that publishes."""
