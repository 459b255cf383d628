"""Errors raised by imports. Each French sentence says what happened and what can be done."""

from collections.abc import Sequence

from core import formatting
from core.exceptions import DomainError
from imports.layout import LayoutQuestion


class NothingToApply(DomainError):
    code = "nothing_to_apply"


class RowsInError(DomainError):
    """Some rows are in error, and `only_valid` was not set."""

    code = "rows_in_error"


class QuestionsOpen(DomainError):
    """What was asked of an import waits for the answers to the questions about its table."""

    code = "questions_open"

    def __init__(self, questions: Sequence[LayoutQuestion]) -> None:
        count = formatting.pluralize(len(questions), "question")
        super().__init__(f"Ce tableau pose encore {count} : rien n'est fait avant d'y avoir répondu.")
        self.questions = questions


class PoolMissing(DomainError):
    """An allocation import needs a pool."""

    code = "pool_missing"


class PoolNotOpen(DomainError):
    """The pool belongs to another collectivity, has ended, or has no licence left."""

    code = "pool_not_open"


class WrongVolume(DomainError):
    """`volume` and `units_for_all` contradict each other."""

    code = "invalid_volume"
