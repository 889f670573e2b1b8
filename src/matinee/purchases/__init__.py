"""Purchases: charge and access agree under every fault.

`rules` holds the state machine as data, `operations` changes a purchase in one transaction each, and
`jobs` does what takes several: charge, resolve, watch, reverse.
"""
