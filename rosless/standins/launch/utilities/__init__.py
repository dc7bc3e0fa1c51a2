"""Texts made of substitutions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = ["normalize_to_list_of_substitutions", "perform_substitutions"]


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """The parts of a text as substitutions; TypeError if a part is neither a string nor a substitution."""
    from launch.substitutions import TextSubstitution

    if isinstance(subs, (str, Substitution)):
        subs = [subs]
    elif not isinstance(subs, Iterable):
        raise TypeError(f"expected a str, a Substitution or a sequence of them, got {type(subs).__name__} {subs!r}")
    parts: list[Substitution] = []
    for part in subs:
        if not isinstance(part, (str, Substitution)):
            raise TypeError(f"expected a str or a Substitution, got {type(part).__name__} {part!r}")
        parts.append(TextSubstitution(text=part) if isinstance(part, str) else part)
    return parts


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """The concatenated text."""
    return "".join(context.perform_substitution(part) for part in subs)
