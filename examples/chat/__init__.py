"""A chat that shows who is here."""
