"""Classical reference solutions; one statement per file."""
