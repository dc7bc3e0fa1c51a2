"""The nodes of the store graph: thin shells around aisle_core."""
