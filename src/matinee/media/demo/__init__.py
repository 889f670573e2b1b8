"""Films and posters for the demo and the tests, drawn from seeds: nothing has to be downloaded."""
