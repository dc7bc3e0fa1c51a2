"""The five quality-of-service profiles; there are no others."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from aisle_contract.interfaces import Qos


def _profile(qos: Qos, reliability: ReliabilityPolicy, durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=qos.depth, reliability=reliability, durability=durability)


PUBLISHER: dict[Qos, QoSProfile] = {
    qos: _profile(
        qos,
        ReliabilityPolicy.RELIABLE,
        DurabilityPolicy.TRANSIENT_LOCAL if qos in (Qos.STATE, Qos.EVENT) else DurabilityPolicy.VOLATILE,
    )
    for qos in Qos
}

SUBSCRIBER: dict[Qos, QoSProfile] = PUBLISHER | {
    Qos.SENSOR: _profile(Qos.SENSOR, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE),
    Qos.EVENT: _profile(Qos.EVENT, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE),
}

CATCHING_UP = PUBLISHER[Qos.EVENT]
"""Subscription to events that also wants those from before, as far as publishers keep them."""
