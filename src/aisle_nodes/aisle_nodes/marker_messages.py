"""Records of ``aisle_nodes.markers`` as visualization_msgs."""

import math
from collections.abc import Iterable

from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker as MarkerMessage
from visualization_msgs.msg import MarkerArray

from aisle_contract.convert import MAP_FRAME
from aisle_nodes.markers import Marker
from aisle_nodes.messages import CODEC


def to_message(markers: Iterable[Marker], stamp_ns: int) -> MarkerArray:
    """A picture that replaces the one before."""
    header = CODEC.header(stamp_ns, MAP_FRAME)
    array = MarkerArray(markers=[MarkerMessage(header=header, action=MarkerMessage.DELETEALL)])
    array.markers.extend(_marker(marker, header) for marker in markers)
    return array


def _marker(marker: Marker, header: object) -> MarkerMessage:
    message = MarkerMessage(header=header, ns=marker.ns, id=marker.id, type=int(marker.shape), text=marker.text)
    position, orientation, scale = message.pose.position, message.pose.orientation, message.scale
    position.x, position.y, position.z = marker.position
    orientation.z, orientation.w = math.sin(marker.yaw / 2), math.cos(marker.yaw / 2)
    scale.x, scale.y, scale.z = marker.scale
    red, green, blue, opacity = marker.colour
    message.color = ColorRGBA(r=red, g=green, b=blue, a=opacity)
    message.points = [Point(x=x, y=y, z=z) for x, y, z in marker.points]
    return message
