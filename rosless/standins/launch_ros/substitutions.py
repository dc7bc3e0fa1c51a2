"""Substitutions that find packages by the ament index."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.substitutions import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = ["ExecutableInPackage", "FindPackagePrefix", "FindPackageShare"]


class FindPackagePrefix(Substitution):
    """The prefix a package is installed in; PackageNotFoundError if it is not."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        self._package = normalize_to_list_of_substitutions(package)

    @property
    def package(self) -> list[Substitution]:
        return self._package

    def find(self, package_name: str) -> str:
        prefix: str = get_package_prefix(package_name)
        return prefix

    def describe(self) -> str:
        return f"{type(self).__name__}(pkg={_describe(self._package)})"

    def perform(self, context: LaunchContext) -> str:
        return self.find(perform_substitutions(context, self._package))


class FindPackageShare(FindPackagePrefix):
    """The share folder of a package; PackageNotFoundError if it is not installed."""

    def find(self, package_name: str) -> str:
        folder: str = get_package_share_directory(package_name)
        return folder


class ExecutableInPackage(FindPackagePrefix):
    """The path `<prefix>/lib/<package>/<executable>`; SubstitutionFailure if nothing executable is there."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        super().__init__(package)
        self._executable = normalize_to_list_of_substitutions(executable)

    @property
    def executable(self) -> list[Substitution]:
        return self._executable

    def describe(self) -> str:
        return f"ExecInPkg(pkg={_describe(self._package)}, exec={_describe(self._executable)})"

    def perform(self, context: LaunchContext) -> str:
        executable = perform_substitutions(context, self._executable)
        package = perform_substitutions(context, self._package)
        prefix = super().perform(context)
        folder = os.path.join(prefix, "lib", package)
        if not os.path.isdir(folder):
            raise SubstitutionFailure(f"package '{package}' found at '{prefix}', but it has no folder '{folder}'")
        path = shutil.which(executable, path=folder)
        if path is None:
            present = ", ".join(sorted(os.listdir(folder))) or "nothing"
            raise SubstitutionFailure(f"executable '{executable}' not found in '{folder}', which has: {present}")
        return path


def _describe(parts: list[Substitution]) -> str:
    return " + ".join(part.describe() for part in parts)
