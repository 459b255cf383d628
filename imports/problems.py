"""Problems of a row or of the whole spreadsheet: stable code, French message."""

from __future__ import annotations

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """A problem. `column`: meaning of its column (« uai », « units »…), or "" for the whole row."""

    column: str
    code: str
    message: str
    #: Whether the row cannot be applied as it is; else it is a warning.
    blocking: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object stored with the row."""
        return self._asdict()
