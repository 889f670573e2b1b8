"""Pages about the service itself: its settings and its staff."""
