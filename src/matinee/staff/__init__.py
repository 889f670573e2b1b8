"""Staff: who works at the operator, what each may do, and their sessions in the console."""
