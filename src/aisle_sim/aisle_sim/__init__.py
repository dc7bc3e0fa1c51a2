"""Synthetic stores and recordings with known truth."""
