"""Building blocks of the launch files: the arguments all concerns share, and a process that runs nodes."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, LaunchDescriptionEntity, Substitution
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, SetLaunchConfiguration
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from aisle_contract.params import read_file
from aisle_contract.sites import config_folder, find_site
from aisle_core.stages import SOURCES
from aisle_core.store import load_store
from aisle_replay.bag import BagReader

SHARE = FindPackageShare("aisle_bringup")


def common_arguments() -> list[LaunchDescriptionEntity]:
    """Site, namespace and clock; and the transport, which every process needs."""
    return [
        DeclareLaunchArgument("namespace", default_value="market", description="Namespace of the store: its store_id."),
        DeclareLaunchArgument(
            "site", default_value="market", description="Site: a name in config/stores, or a folder."
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=["true", "false"], description="Take the time from /clock."
        ),
        include("transport"),
    ]


def people_argument() -> DeclareLaunchArgument:
    """With what people are found; of the launch files that run or include the perception."""
    return DeclareLaunchArgument(
        "people",
        default_value="auto",
        choices=SOURCES,
        description="Find people in poses or in depth images; auto: in poses if the site has a pose source.",
    )


def office_arguments() -> list[DeclareLaunchArgument]:
    """Whether there is an office, and where it keeps and sends what; of the launch files that run or include it."""
    return [
        DeclareLaunchArgument(
            "office",
            default_value="none",
            choices=["none", "run"],
            description="run: money and mail, with the secret in AISLE_OFFICE_SECRET; none: every credential is good.",
        ),
        DeclareLaunchArgument(
            "office_database", default_value="sqlite:///office.db", description="URL of the office's journal."
        ),
        DeclareLaunchArgument(
            "office_provider",
            default_value="sqlite:///sandbox.db",
            description="Who takes the money: stripe, or the URL of the sandbox's books.",
        ),
        DeclareLaunchArgument("office_smtp", default_value="localhost:25", description="Mail server, HOST:PORT."),
        DeclareLaunchArgument(
            "office_smtp_security",
            default_value="starttls",
            choices=["none", "starttls", "tls"],
            description="How the way to the mail server is encrypted.",
        ),
        DeclareLaunchArgument(
            "office_pages", default_value="127.0.0.1:8480", description="Where the office's pages listen, HOST:PORT."
        ),
    ]


class SitePath(Substitution):
    """Folder of a site that is given by name or path."""

    def __init__(self, site: Substitution) -> None:
        super().__init__()
        self._site = site

    def describe(self) -> str:
        return f"SitePath({self._site.describe()})"

    def perform(self, context: LaunchContext) -> str:
        return str(find_site(self._site.perform(context)))


def evidence_argument() -> DeclareLaunchArgument:
    """Whether cameras tell products apart; of the launch files that run or include the fusion."""
    return DeclareLaunchArgument(
        "evidence",
        default_value="false",
        choices=["true", "false"],
        description="Tell products of one weight apart in colour images; needs the site's appearance.npz.",
    )


def state_argument() -> DeclareLaunchArgument:
    """Where carts are kept; of the launch files that run or include the fusion."""
    return DeclareLaunchArgument(
        "state",
        default_value="",
        description="Folder for what the fusion knows, to survive the end of its process; empty: it is not kept.",
    )


def include(concern: str, **arguments: Any) -> IncludeLaunchDescription:
    """Another launch file of this folder; the shared arguments are handed on."""
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", f"{concern}.launch.py"])),
        launch_arguments=list(arguments.items()),
    )


def shared() -> dict[str, LaunchConfiguration]:
    """The shared arguments, to hand to ``include``."""
    return {name: LaunchConfiguration(name) for name in ("namespace", "site", "use_sim_time")}


def text(name: str) -> ParameterValue:
    """A launch argument as a string parameter; a plain one is read as YAML, and a site called 2026 is a number."""
    return ParameterValue(LaunchConfiguration(name), value_type=str)


class NodeParameters(Substitution):
    """Path of a parameter file, there while the launch runs, with launch arguments for one of the nodes of a process.

    Parameters that are given as a mapping go to every node of the process, and a node refuses what it does not know.
    """

    def __init__(self, node: str, names: Sequence[str] | Mapping[str, str]) -> None:
        """``names``: parameters of ``node``, and the launch argument of each; one name if they are called alike.

        The types are those in config/nodes.
        """
        super().__init__()
        self._node, self._names = node, dict(names if isinstance(names, Mapping) else zip(names, names, strict=True))

    def describe(self) -> str:
        return f"NodeParameters({self._node}: {', '.join(self._names)})"

    def perform(self, context: LaunchContext) -> str:
        defaults = read_file(config_folder() / "nodes" / f"{self._node}.yaml")
        given = {name: LaunchConfiguration(argument).perform(context) for name, argument in self._names.items()}
        values = {n: text if isinstance(defaults[n], str) else yaml.safe_load(text) for n, text in given.items()}
        with tempfile.NamedTemporaryFile("w", prefix=f"{self._node}_", suffix=".yaml", delete=False) as file:
            yaml.safe_dump({f"/**/{self._node}": {"ros__parameters": values}}, file)
        remove = OnShutdown(on_shutdown=lambda event, context: Path(file.name).unlink(missing_ok=True))
        context.register_event_handler(remove)
        return file.name


def process(
    name: str,
    nodes: Sequence[str],
    overrides: Mapping[str, Any] | None = None,
    package: str = "aisle_nodes",
    also: Sequence[Substitution] = (),
    **options: Any,
) -> Node:
    """One process that runs ``nodes``, each with its file in config/nodes and the shared arguments.

    ``also``: further parameter files; they win.
    """
    files = [PathJoinSubstitution([SHARE, "config", "nodes", f"{node}.yaml"]) for node in nodes]
    values = {"site": text("site"), "use_sim_time": LaunchConfiguration("use_sim_time")}
    return Node(
        package=package,
        executable="run",
        exec_name=name,
        namespace=LaunchConfiguration("namespace"),
        arguments=list(nodes),
        parameters=[*files, {**values, **(overrides or {})}, *also],
        output="screen",
        **options,
    )


def use_site_of_bag(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Set ``site`` and ``namespace`` from the bag unless they were given. For OpaqueFunction."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ("bag", "site", "namespace")}
    with BagReader(Path(given["bag"])) as bag:
        site = find_site(given["site"]) if given["site"] else bag.site_folder()
    namespace = given["namespace"] or load_store(site).store_id
    return [SetLaunchConfiguration("site", str(site)), SetLaunchConfiguration("namespace", namespace)]
