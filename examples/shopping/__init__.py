"""A shopping list that a family shares."""
