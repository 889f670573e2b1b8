"""Cloud Sync: what staff prepared becomes what apps read, in one step and only when somebody asks for it."""
