"""Reading for Cloud Sync: the CMS as it would be published, what is published, and the runs."""
