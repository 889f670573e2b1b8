"""How billing is called: the request made, proved to be ours, sent once and judged; a billing in memory for tests."""
