"""A question about the whole table, which the member answers before its rows can be checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

#: The answer by which none of several columns is read.
NO_COLUMN = "none"
_COLUMNS = re.compile(r"[A-Z]+(\+[A-Z]+)*")


class AnswerOption(NamedTuple):
    """A possible answer: its stable value for programs, and its French text."""

    value: str
    label: str


class LayoutQuestion(NamedTuple):
    """A question about the table. Without options it is answered by choosing sheets, columns or the volume.

    One whose answer is certain may come with it: the member sees it and may choose another.

    `column`: the meaning whose column is in question, « sheets », or "" for the whole table.
    """

    column: str
    code: str
    message: str
    options: tuple[AnswerOption, ...] = ()
    #: Value of the chosen option; "" while the question is open.
    answer: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the question waits for its answer."""
        return not self.answer

    @property
    def names_columns(self) -> bool:
        """Whether each answer is a column of the meaning in question, « D », a sum of several, « C+D », or none."""
        values = [option.value for option in self.options]
        return bool(values) and all(value == NO_COLUMN or _COLUMNS.fullmatch(value) for value in values)

    def answered_by(self, answers: Mapping[str, str]) -> Self:
        """Return the question with the member's answer; as it is, where there is none or it is no option any more."""
        answer = answers.get(self.code, "")
        return self._replace(answer=answer) if any(answer == option.value for option in self.options) else self

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object to store."""
        return {**self._asdict(), "options": [option._asdict() for option in self.options]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the question stored by `as_json`."""
        known = {name: stored[name] for name in cls._fields if name in stored}
        return cls(**known | {"options": tuple(AnswerOption(**option) for option in stored.get("options", ()))})
