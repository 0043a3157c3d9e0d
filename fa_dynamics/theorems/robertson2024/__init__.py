"""Statements that realise the abstract of Robertson, Koyejo 2024; one per file."""
