"""recorder_node: writes the topics of a profile into a bag that carries its site."""

from collections.abc import Callable
from pathlib import Path

import yaml
from rclpy.serialization import serialize_message

from aisle_contract.interfaces import END_OF_STREAM, TOPICS, Topic
from aisle_contract.sites import config_folder, find_site, topic_names
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_nodes import qos
from aisle_nodes.messages import message_class
from aisle_nodes.node_base import AisleNode
from aisle_nodes.params import RecorderParams
from aisle_nodes.run import run
from aisle_nodes.stream_ends import end_of_stream, last_sequences
from aisle_replay.bag import BagWriter


class RecorderNode(AisleNode[RecorderParams]):
    """Messages are stored as they come over the wire; the log time is the node's clock at arrival."""

    params_class = RecorderParams

    def setup(self) -> None:
        if not self.params.out:
            raise AisleError("parameter 'out' is empty; give the bag folder to write, for example out:=monday")
        folder = find_site(self.params.site)
        self.store = load_store(folder)
        topics = profile_topics(self.params.profile)
        self._bag = BagWriter(Path(self.params.out), folder)
        self._last: dict[str, tuple[str, bytes]] = {}
        for topic in topics:
            for name in topic_names(topic, self.store):
                self.create_subscription(
                    message_class(topic.type), name, self._writer(topic, name), qos.SUBSCRIBER[topic.qos], raw=True
                )

    def teardown(self) -> None:
        if not hasattr(self, "_bag"):
            return
        now_ns = self.get_clock().now().nanoseconds
        end = end_of_stream(now_ns, self.get_name(), last_sequences(self._last))
        self._bag.append_raw(now_ns, self._absolute(END_OF_STREAM.name), serialize_message(end))
        self._bag.close()
        self.get_logger().info(f"{self.params.out}: {sum(self.health.received.values())} messages recorded")
        del self._bag

    def _writer(self, topic: Topic, name: str) -> Callable[[bytes], None]:
        absolute = self._absolute(name)

        def write(data: bytes) -> None:
            self._bag.append_raw(self.get_clock().now().nanoseconds, absolute, data)
            self._last[name] = topic.type, data
            self.health.received[name] += 1

        return write

    def _absolute(self, name: str) -> str:
        return name if name.startswith("/") else f"{self.get_namespace().rstrip('/')}/{name}"


def profile_topics(profile: str) -> list[Topic]:
    """Topics of a file in config/bag. Raises AisleError for an unknown profile or topic."""
    path = config_folder() / "bag" / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise AisleError(f"bag profile '{profile}': no file {path}; known profiles: {known}")
    by_name = {topic.name: topic for topic in TOPICS}
    names = yaml.safe_load(path.read_text(encoding="utf-8"))["topics"]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise AisleError(f"{path}: unknown topic '{unknown[0]}'; use a name of the registry (docs/interfaces.md)")
    return [by_name[name] for name in names]


def make() -> RecorderNode:
    """The node under its usual name."""
    return RecorderNode("recorder_node")


def main() -> int:
    """Entry point."""
    return run(["recorder_node"])
