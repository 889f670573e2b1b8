"""Writing PPV rules and what is published of them."""
