"""What is wrong, or worth saying, about a row or about the whole table, in French and with a stable code."""

from __future__ import annotations

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One remark. `column`: the meaning it is about (« uai », « email », « units »…), or "" for the whole row."""

    column: str
    code: str
    message: str
    #: Whether the row cannot be applied as it is; else it is said and the member decides.
    blocking: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return what is stored with the row."""
        return self._asdict()
