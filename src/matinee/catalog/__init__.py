"""The catalogue as staff keep it (CMS): movies with their prices, and packages."""
