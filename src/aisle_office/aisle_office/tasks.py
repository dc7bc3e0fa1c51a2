"""Work that can fail: when it is tried again, and the list of what waits for an operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aisle_core.errors import AisleError

from .events import TaskFailed, TaskRerun
from .journal import Entry, Journal
from .settings import Retry


@dataclass(slots=True)
class Task:
    """What is known of one task. ``attempts`` failed, ``tries`` of them since an operator last asked for it."""

    attempts: int = 0
    tries: int = 0
    declines: int = 0
    failed_ns: int = 0
    dead: bool = False
    reason: str = ""

    def due_ns(self, retry: Retry) -> int:
        """When to try it."""
        return self.failed_ns + retry.wait_ns(self.tries) if self.tries else 0

    def again_ns(self, retry: Retry) -> int | None:
        """When to try it after a failure; None when it waits for an operator."""
        return None if self.dead else self.due_ns(retry)

    def failure(
        self, about: str, task: str, error: Exception, retry: Retry, *, final: bool, declined: bool = False
    ) -> TaskFailed:
        """The next failure; ``final``, or the last of the attempts: the task is dead."""
        dead = final or self.tries + 1 >= retry.attempts
        return TaskFailed(
            about=about, task=task, attempt=self.attempts + 1, reason=str(error), declined=declined, dead=dead
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that waits for an operator."""

    subject: str
    task: str
    attempts: int
    reason: str
    failed_ns: int


class Tasks:
    """The tasks of one subject, by name."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = defaultdict(Task)

    def __getitem__(self, name: str) -> Task:
        return self._tasks[name]

    def dead(self) -> list[str]:
        """Names of the tasks that wait for an operator."""
        return [name for name, task in self._tasks.items() if task.dead]

    def letters(self, subject: str) -> list[DeadLetter]:
        """The same, with what an operator wants to know; they are tasks of this subject."""
        return [
            DeadLetter(subject, name, task.attempts, task.reason, task.failed_ns)
            for name, task in self._tasks.items()
            if task.dead
        ]

    def take(self, entry: Entry) -> None:
        """Take one entry of the subject."""
        match entry.event:
            case TaskFailed() as event:
                task = self._tasks[event.task]
                task.attempts, task.tries = event.attempt, task.tries + 1
                task.declines += event.declined
                task.failed_ns, task.dead, task.reason = entry.stamp_ns, event.dead, event.reason
            case TaskRerun() as event:
                task = self._tasks[event.task]
                task.tries, task.dead = 0, False


def tasks_of(entries: Iterable[Entry]) -> Tasks:
    """The tasks of one subject, from its entries."""
    tasks = Tasks()
    for entry in entries:
        tasks.take(entry)
    return tasks


def dead_letters(journal: Journal) -> list[DeadLetter]:
    """All tasks that wait for an operator, the oldest first."""
    letters: list[DeadLetter] = []
    failed = (entry.event for entry in journal.read(kinds=(TaskFailed,)))
    subjects = dict.fromkeys(event.subject for event in failed if isinstance(event, TaskFailed) and event.dead)
    for subject in subjects:
        letters += tasks_of(journal.read(subject=subject, kinds=(TaskFailed, TaskRerun))).letters(subject)
    return sorted(letters, key=lambda letter: letter.failed_ns)


def rerun(journal: Journal, subject: str, task: str, actor: str) -> None:
    """Have a dead task tried again. Raises AisleError for a task that is not dead."""
    known = tasks_of(journal.read(subject=subject, kinds=(TaskFailed, TaskRerun)))
    if task not in known.dead():
        raise AisleError(f"task '{task}' of '{subject}' does not wait for an operator; see the list of dead letters")
    journal.append(TaskRerun(about=subject, task=task, attempt=known[task].attempts, actor=actor))
