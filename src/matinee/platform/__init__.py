"""What every domain stands on: settings, the database, jobs, storage, secrets, audit, telemetry."""
