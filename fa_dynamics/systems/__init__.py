"""What the papers study beyond the aligned linear flow, one idea per file."""
