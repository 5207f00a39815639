"""Tests of what is deployed: several processes behind Caddy, and what becomes of them when things break."""
