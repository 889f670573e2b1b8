"""Work on purchases that takes several transactions, with a call to billing between them, never inside one."""
