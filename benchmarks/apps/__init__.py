"""The programs that are measured: the app itself, and what a user would write instead."""
