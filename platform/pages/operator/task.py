"""One thing that waits for the operator's hand."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    """One thing to do, and where."""

    sentence: str
    url: str
    urgent: bool
