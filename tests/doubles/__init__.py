"""Stand-ins for the systems that Matinee talks to, each a process of its own with a ledger of its own."""
