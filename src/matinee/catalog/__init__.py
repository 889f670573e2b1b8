"""The catalogue as staff keep it (CMS): movies, live events and seasons with their prices, and packages."""
