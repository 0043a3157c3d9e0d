"""Statements that realise the abstract of Girotti, Mitliagkas, Gidel 2021; one per file."""
