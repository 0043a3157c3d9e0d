"""Statements that realise the abstract of Radhakrishnan, Nichani, Bernstein, Uhler 2020; one per file."""
