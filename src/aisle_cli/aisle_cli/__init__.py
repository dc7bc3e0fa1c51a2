"""The commands behind ./aisle."""
