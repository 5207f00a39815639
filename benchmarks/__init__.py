"""``make bench``: measures what the app costs on this machine, and compares it with named alternatives."""
