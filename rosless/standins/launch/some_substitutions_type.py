"""Type of everything that stands for one text: a string, a substitution, or a sequence of them to concatenate."""

from collections.abc import Iterable

from launch.substitution import Substitution

SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]
