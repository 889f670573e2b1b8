"""Routes that are asked so often that they go past the framework.

Each is also an ordinary handler of the API, which describes it and answers whatever is out of the ordinary:
the hot route takes only the requests that it can answer well, and passes every other one on.
"""
