"""Matinee: pay-per-view for IPTV and OTT operators."""

__version__ = "0.1.0"
