"""What somebody does on a day of the simulated year. Pure."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple


class Act(NamedTuple):
    """One thing that one person does. `name`: the function of a module `…_acts` that does it."""

    day: datetime.date
    name: str
    arguments: dict[str, Any]
    #: In Paris; whoever is in an office or a school does things at ten.
    hour: int = 10
    minute: int = 0


def act(day: datetime.date, name: str, *, hour: int = 10, minute: int = 0, **arguments: Any) -> Act:
    """Return an act."""
    return Act(day, name, arguments, hour, minute)
