"""What a household spends, with an exact total."""
