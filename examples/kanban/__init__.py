"""A board whose cards move between columns."""
