"""One work item of the operator."""

from __future__ import annotations

from typing import NamedTuple


class WorkItem(NamedTuple):
    """What the operator has to do, and the URL where it is done."""

    sentence: str
    url: str
    urgent: bool
