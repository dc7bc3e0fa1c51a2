"""Namespaces."""

from __future__ import annotations


def join(base: str | None, namespace: str | None) -> str | None:
    """The namespace below a base, unless it is absolute; None if both are."""
    if namespace is None:
        joined = base
    elif not base or namespace.startswith("/"):
        joined = namespace
    else:
        joined = f"{base.rstrip('/')}/{namespace}"
    return joined if joined in (None, "/") else joined.rstrip("/")


def absolute(namespace: str) -> str:
    """The namespace from the root."""
    return namespace if namespace.startswith("/") else f"/{namespace}"
