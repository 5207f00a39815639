"""The elements room."""
