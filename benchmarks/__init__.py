"""Measures what the app costs, against stated alternatives, on the machine it runs on: ``make bench``."""
