"""Nodes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from launch.actions import ExecuteProcess
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros._names import absolute, join
from launch_ros._parameters import evaluate_parameters, normalize_parameters
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import ExecutableInPackage

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

Parameters = Iterable[ParameterFile | str | os.PathLike[str] | SomeSubstitutionsType | Mapping[Any, Any]]
RemapRules = Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]


class Node(ExecuteProcess):
    """Runs a node: the `executable` of a `package`, or a path if no package is given.

    - `parameters` is a list of files and dictionaries; later ones win. A dictionary is written to a file, for the
      node's full name if both name and namespace are known, else for all nodes of the process (`/**`).
    - `namespace` is below the one pushed by PushROSNamespace unless it is absolute.
    - `exec_name` is the label in the output, the executable's name if it is None.
    - What an ExecuteProcess takes besides `cmd` and `name` is taken, too.
    """

    UNSPECIFIED_NODE_NAME = "<node_name_unspecified>"
    UNSPECIFIED_NODE_NAMESPACE = "<node_namespace_unspecified>"

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Parameters | None = None,
        remappings: RemapRules | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        command = executable if package is None else ExecutableInPackage(executable, package)
        given = ["--ros-args", *ros_arguments] if ros_arguments is not None else []
        super().__init__(cmd=[command, *(arguments or []), *given, "--ros-args"], name=exec_name, **kwargs)
        if parameters is not None and not isinstance(parameters, list):
            raise TypeError(f"Node needs a list of parameter files and dictionaries, got {parameters!r}")
        self._node_executable = executable
        self._node_package = package
        self._given_name = None if name is None else normalize_to_list_of_substitutions(name)
        self._given_namespace = None if namespace is None else normalize_to_list_of_substitutions(namespace)
        self._parameters = [
            normalize_parameters(item)
            if isinstance(item, Mapping)
            else item
            if isinstance(item, ParameterFile)
            else ParameterFile(item)
            for item in parameters or []
        ]
        self._remappings = [_normalize_rule(rule) for rule in remappings or []]
        self._expanded_name = self.UNSPECIFIED_NODE_NAME
        self._expanded_namespace = self.UNSPECIFIED_NODE_NAMESPACE
        self._final_name: str | None = None
        self._expanded_remappings: list[tuple[str, str]] | None = None

    @property
    def node_package(self) -> SomeSubstitutionsType | None:
        return self._node_package

    @property
    def node_executable(self) -> SomeSubstitutionsType:
        return self._node_executable

    @property
    def node_name(self) -> str:
        """The full name, known once executed."""
        if self._final_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self._final_name

    @property
    def expanded_node_namespace(self) -> str:
        return self._expanded_namespace

    @property
    def expanded_remapping_rules(self) -> list[tuple[str, str]] | None:
        return self._expanded_remappings

    def is_node_name_fully_specified(self) -> bool:
        return "unspecified>" not in self.node_name

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        if self._final_name is None:
            for part in self._ros_arguments(context):
                self._cmd.append(normalize_to_list_of_substitutions(part))
        members = super().execute(context)
        self._warn_of_same_name(context)
        return members

    def _ros_arguments(self, context: LaunchContext) -> list[str]:
        """What follows `--ros-args` on the command line."""
        arguments = []
        if self._given_name is not None:
            from rclpy.validate_node_name import validate_node_name

            self._expanded_name = perform_substitutions(context, self._given_name)
            validate_node_name(self._expanded_name)
            arguments += ["-r", f"__node:={self._expanded_name}"]
        own = None if self._given_namespace is None else perform_substitutions(context, self._given_namespace)
        namespace = join(context.launch_configurations.get("ros_namespace"), own)
        if namespace is not None:
            from rclpy.validate_namespace import validate_namespace

            self._expanded_namespace = absolute(namespace)
            validate_namespace(self._expanded_namespace)
            arguments += ["-r", f"__ns:={self._expanded_namespace}"]
        self._final_name = join(self._expanded_namespace, self._expanded_name)
        arguments += self._scope_parameters(context)
        arguments += self._own_parameters(context)
        rules = list(context.launch_configurations.get("ros_remaps", []))
        rules += [
            (perform_substitutions(context, old), perform_substitutions(context, new)) for old, new in self._remappings
        ]
        self._expanded_remappings = rules or None
        for old, new in rules:
            arguments += ["-r", f"{old}:={new}"]
        return arguments

    def _scope_parameters(self, context: LaunchContext) -> list[str]:
        arguments = []
        for parameter in context.launch_configurations.get("global_params", []):
            if isinstance(parameter, tuple):
                arguments += ["-p", f"{parameter[0]}:={parameter[1]}"]
            elif os.path.isfile(parameter):
                arguments += ["--params-file", os.path.abspath(parameter)]
            else:
                raise FileNotFoundError(f"parameter file '{parameter}' given by SetParametersFromFile does not exist")
        return arguments

    def _own_parameters(self, context: LaunchContext) -> list[str]:
        arguments = []
        for item in self._parameters:
            if isinstance(item, ParameterFile):
                path = item.evaluate(context)
                if not path.is_file():
                    get_logger("launch_ros.actions.node").warning("Parameter file path is not a file: %s", path)
                    continue
            else:
                path = self._write_parameters(context, evaluate_parameters(context, item))
            arguments += ["--params-file", str(path)]
        return arguments

    def _write_parameters(self, context: LaunchContext, parameters: dict[str, Any]) -> Path:
        key = self.node_name if self.is_node_name_fully_specified() else "/**"
        content = {key: {"ros__parameters": {name: _plain(value) for name, value in parameters.items()}}}
        return Path(context._temporary_file("launch_params_", yaml.dump(content, default_flow_style=False)))

    def _warn_of_same_name(self, context: LaunchContext) -> None:
        if not self.is_node_name_fully_specified():
            return
        names = context.get_locals_as_dict().get("unique_ros_node_names", Counter())
        context.extend_globals({"unique_ros_node_names": names})
        names[self.node_name] += 1
        if names[self.node_name] > 1:
            get_logger(self.name).warning(
                "there are now at least %d nodes with the name %s created within this launch context",
                names[self.node_name],
                self.node_name,
            )


def _normalize_rule(rule: Any) -> tuple[Any, Any]:
    if not isinstance(rule, tuple) or len(rule) != 2:
        raise TypeError(f"a remapping must be a pair (from, to), got {rule!r}")
    return normalize_to_list_of_substitutions(rule[0]), normalize_to_list_of_substitutions(rule[1])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
