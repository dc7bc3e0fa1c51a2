"""What a node says about its own health."""

import dataclasses
from collections import Counter

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


@dataclasses.dataclass
class Health:
    """Counts and the last complaint of one node; reported once a second on /diagnostics."""

    received: Counter[str] = dataclasses.field(default_factory=Counter)
    published: Counter[str] = dataclasses.field(default_factory=Counter)
    lost: Counter[str] = dataclasses.field(default_factory=Counter)
    rejected: int = 0
    failed: int = 0
    complaint: str = ""
    error: str = ""

    def status(self, name: str, hardware_id: str, state: str, extra: dict[str, object]) -> DiagnosticStatus:
        """ERROR: something is broken. WARN: something was lost, rejected or raised. OK otherwise."""
        if self.error:
            level, message = DiagnosticStatus.ERROR, self.error
        elif self.failed or self.rejected or sum(self.lost.values()):
            level, message = DiagnosticStatus.WARN, self.complaint or "messages were lost"
        else:
            level, message = DiagnosticStatus.OK, state
        values: dict[str, object] = {"state": state, "rejected": self.rejected, "failed": self.failed}
        values |= {f"received {topic}": count for topic, count in sorted(self.received.items())}
        values |= {f"lost {topic}": count for topic, count in sorted(self.lost.items())}
        values |= {f"published {topic}": count for topic, count in sorted(self.published.items())}
        values |= extra
        return DiagnosticStatus(
            level=level,
            name=name,
            message=message,
            hardware_id=hardware_id,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
