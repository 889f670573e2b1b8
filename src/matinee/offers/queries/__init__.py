"""Reading PPV rules and published items."""
