"""Small apps that sync tables of their own."""
