"""Offers: PPV rules, the published terms, and quotes."""
