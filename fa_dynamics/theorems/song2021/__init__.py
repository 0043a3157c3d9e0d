"""Statements that realise the abstract of Song, Xu, Lafferty 2021; one per file."""
