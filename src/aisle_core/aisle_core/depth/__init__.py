"""Depth images."""

from .points import points

__all__ = ["points"]
