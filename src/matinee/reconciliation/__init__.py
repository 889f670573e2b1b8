"""Settlement files: what billing says that it charged, laid beside what Matinee believes."""
