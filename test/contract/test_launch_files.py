"""What each launch file takes and starts, compared with the snapshots in launch_snapshots/.

The files are run by the `launch` that is importable, the real one or the stand-in; only `Node` is replaced by an action
that notes what it would start. After an intended change write the snapshots anew and read their diff:

    UPDATE=1 ./aisle test test/contract/test_launch_files.py
"""

import os
import tempfile
from pathlib import Path

import pytest
import yaml

pytest.importorskip("launch")
pytest.importorskip("launch_ros")

import launch_ros.actions
from launch import Action, LaunchContext, LaunchDescription, LaunchService
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.parameter_descriptions import ParameterValue

import aisle_nodes.processes
from aisle_contract.interfaces import nodes
from aisle_contract.sites import share_folder
from aisle_core.errors import AisleError
from aisle_core.types import Tick
from aisle_replay.bag import BagWriter

ROOT = Path(__file__).parents[2]
SNAPSHOTS = Path(__file__).parent / "launch_snapshots"
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
CASES = {
    "replay": [["bag:=BAG"], ["bag:=BAG", "hold:=true", "play:=false"], ["bag:=BAG", "site:=corner", "namespace:=a"]],
    "record": [["out:=OUT"]],
    "store": [[], ["bag:=BAG", "rviz:=true", "site:=/site", "namespace:=other", "use_sim_time:=true"]],
    "viz": [[], ["rviz:=true"]],
}
TRANSPORT = {"FASTRTPS_DEFAULT_PROFILES_FILE", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".launch.py"))


class NotedNode(Action):
    """Takes what `launch_ros.actions.Node` takes, and starts nothing; notes what a file for this launch says."""

    started: list[dict] = []  # noqa: RUF012 - emptied by each test
    written: list[Path] = []  # noqa: RUF012 - emptied by each test

    def __init__(self, *, condition=None, **options):
        super().__init__(condition=condition)
        self.options = options

    def execute(self, context):
        def text(value):
            return perform_substitutions(context, normalize_to_list_of_substitutions(value))

        def plain(value):
            if isinstance(value, ParameterValue):
                return value.evaluate(context)
            if isinstance(value, dict):
                return {text(name): plain(item) for name, item in value.items()}
            if isinstance(value, (list, tuple)):
                return [plain(item) for item in value]
            if isinstance(value, (bool, int, float)):
                return value
            path = Path(text(value))
            if path.parent != Path(tempfile.gettempdir()):
                return text(value)
            self.written.append(path)
            return yaml.safe_load(path.read_text(encoding="utf-8"))

        noted = {name: plain(value) for name, value in self.options.items() if name not in ("on_exit", "output")}
        if "on_exit" in self.options:
            noted["on_exit"] = type(self.options["on_exit"]).__name__
        self.started.append(noted)


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / "bag", ROOT / "test" / "sites" / "demo") as writer:
        writer.append(1, "/demo/tick", Tick(1, 0))
    return tmp_path / "bag"


@pytest.fixture
def run(bag, tmp_path, monkeypatch):
    """Runs a launch file with arguments; gives the environment that it sets and the processes that it starts."""
    try:
        share = share_folder("aisle_bringup", "launch").parent
    except AisleError:
        share = ROOT
    if share == ROOT:
        pytest.skip("aisle_bringup is not built; run this with ./aisle test")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    for module in (launch_ros.actions, aisle_nodes.processes):
        monkeypatch.setattr(module, "Node", NotedNode)
    names = {str(share): "<share>", str(bag): "<bag>"}

    def portable(value):
        if isinstance(value, dict):
            return {name: portable(item) for name, item in value.items()}
        if isinstance(value, list):
            return [portable(item) for item in value]
        for path, name in names.items() if isinstance(value, str) else ():
            value = value.replace(path, name)
        return value

    def run_file(path, arguments):
        given = [argument.replace("BAG", str(bag)).partition(":=") for argument in arguments]
        NotedNode.started.clear()
        NotedNode.written.clear()
        before = dict(os.environ)
        service = LaunchService(noninteractive=True)
        include = IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(path)), launch_arguments=[(name, value) for name, _, value in given]
        )
        service.include_launch_description(LaunchDescription([include]))
        try:
            assert service.run() == 0
            environment = {name: os.environ[name] for name in TRANSPORT if os.environ.get(name) != before.get(name)}
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert not [path for path in NotedNode.written if path.exists()], "files of a launch are left behind"
        return portable({"environment": environment, "processes": list(NotedNode.started)})

    for name in TRANSPORT:
        monkeypatch.delenv(name, raising=False)
    return run_file


def load(path):
    return PythonLaunchDescriptionSource(str(path)).get_launch_description(LaunchContext())


def concern(path):
    return path.name.removesuffix(".launch.py")


@every_file
def test_every_argument_is_described(path):
    for argument in load(path).get_launch_arguments():
        assert argument.description and not argument.description.startswith("no description"), argument.name


@every_file
def test_a_launch_file_takes_and_starts_what_its_snapshot_says(path, run):
    context = LaunchContext()
    taken = {
        argument.name: argument.default_value and perform_substitutions(context, argument.default_value)
        for argument in load(path).entities
        if isinstance(argument, DeclareLaunchArgument)
    }
    cases = CASES.get(concern(path), [[]])
    seen = {"arguments": taken, "starts": {" ".join(case) or "nothing": run(path, case) for case in cases}}
    snapshot = SNAPSHOTS / f"{concern(path)}.yaml"
    if os.environ.get("UPDATE") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(yaml.safe_dump(seen, sort_keys=True, width=120), encoding="utf-8")
    assert snapshot.is_file(), "UPDATE=1 writes the snapshot"
    assert seen == yaml.safe_load(snapshot.read_text(encoding="utf-8"))


def test_no_snapshot_is_superfluous():
    assert {path.stem for path in SNAPSHOTS.glob("*.yaml")} == {concern(path) for path in FILES}


def test_a_store_and_its_replay_start_every_node_once(run):
    def started(name, case):
        processes = run(ROOT / "launch" / f"{name}.launch.py", case)["processes"]
        return [node for process in processes for node in process["arguments"]]

    store, simulated = started("store", ["evidence:=true"]), started("store", ["backend:=sim", "evidence:=true"])
    replay, record = started("replay", ["bag:=BAG"]), started("record", ["out:=OUT"])
    assert all(len(names) == len(set(names)) for names in (store, simulated, replay))
    assert set(simulated) == {*store, "sim_node"}
    assert {*simulated, *replay, *record} == set(nodes())


@every_file
def test_every_process_gets_the_files_of_its_nodes(path, run):
    for case in CASES.get(concern(path), [[]]):
        for process in run(path, case)["processes"]:
            if process["executable"] == "run":
                files = [item for item in process["parameters"] if isinstance(item, str)]
                assert files == [f"<share>/config/nodes/{node}.yaml" for node in process["arguments"]]
                assert all((ROOT / "config" / "nodes" / f"{node}.yaml").is_file() for node in process["arguments"])


@every_file
def test_every_process_has_the_transport(path, run):
    for case in CASES.get(concern(path), [[]]):
        assert set(run(path, case)["environment"]) == TRANSPORT
