"""Lanes: the threads that a worker keeps for some queues, so that what waits in one lane never holds up another.

Each app declares the lanes of its queues beside its tasks. All other queues share the lane of `--concurrency` threads.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from procrastinate.contrib.django import app


class Lane(NamedTuple):
    """Queues served together by a number of threads of their own."""

    queues: tuple[str, ...]
    threads: int
    #: Whether its jobs are the likely cause when a process dies: they hold large lists and read people's files.
    is_suspect: bool = False


_lanes: list[Lane] = []


def declare_lane(*queues: str, threads: int, is_suspect: bool = False) -> None:
    """Give these queues threads of their own in every worker."""
    _lanes.append(Lane(queues, max(1, threads), is_suspect))


def is_suspect(queue: str) -> bool:
    """Whether the jobs of a queue are the likely cause of their worker's death."""
    return any(lane.is_suspect for lane in _lanes if queue in lane.queues)


def plan_lanes(*, concurrency: int, queues: Collection[str] | None) -> list[Lane]:
    """Return the lanes of a worker: those declared, and one of `concurrency` threads for the other queues.

    `queues`: only these; None means all.
    """
    declared = {queue for lane in _lanes for queue in lane.queues}
    known = {task.queue for task in app.tasks.values()} if queues is None else set(queues)
    lanes = [
        lane._replace(queues=served)
        for lane in _lanes
        if (served := tuple(queue for queue in lane.queues if queues is None or queue in queues))
    ]
    if others := tuple(sorted(known - declared)):
        lanes.append(Lane(others, concurrency))
    return lanes
