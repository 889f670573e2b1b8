"""Customers, their devices and sign-ins, and the products that they subscribe to."""
