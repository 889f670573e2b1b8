"""Cloud Sync: what is published, what waits, and the button that publishes it."""
