"""The rules of the purchase, removed one at a time: the suite must notice each.

A mutant is made by patching code inside a test run; no setting of the product can switch a rule off.
`python -m tests.mutants [NAME ...]` runs the tests of the purchase against each and prints which test caught it.
"""
