"""Point clouds as messages."""

from array import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from aisle_nodes.messages import CODEC

_FIELDS = [
    PointField(name=axis, offset=4 * index, datatype=PointField.FLOAT32, count=1) for index, axis in enumerate("xyz")
]


def point_cloud(points: NDArray[np.float32], stamp_ns: int, frame_id: str) -> PointCloud2:
    """(n, 3) points [m] as an unordered cloud of float32 x, y, z, the layout that RViz and Open3D expect."""
    data = array("B")
    data.frombytes(memoryview(np.ascontiguousarray(points, dtype="<f4")).cast("B"))
    return PointCloud2(
        header=CODEC.header(stamp_ns, frame_id),
        height=1,
        width=len(points),
        fields=_FIELDS,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points),
        data=data,
        is_dense=True,
    )
