"""Driver nodes for the devices of a store."""
