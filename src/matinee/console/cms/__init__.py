"""CMS pages: movies, PPV rules, packages."""
