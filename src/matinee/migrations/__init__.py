"""The schema, as Alembic migrations in plain SQL. They are part of the package so that a wheel can migrate."""
