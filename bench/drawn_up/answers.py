"""Looks for the answers to a list's questions by which it is read as meant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from imports.layout import LayoutQuestion

#: Questions that are answered one after the other, at most: an answer may raise the next.
_MAX_DEPTH = 3


@dataclass(frozen=True)
class AnswerSearch[Reading]:
    """How a list is read with answers, and what is wrong with a reading."""

    #: Reads the list with answers by code of the question.
    read: Callable[[Mapping[str, str]], Reading]
    list_questions: Callable[[Reading], Sequence[LayoutQuestion]]
    #: Returns the number of rows or schools that are not as meant.
    count_wrong: Callable[[Reading], int]
    answers: Mapping[str, str] = field(default_factory=dict)

    def finds(self, reading: Reading) -> bool:
        """Return whether answers to the open questions of a reading make of the list what was meant.

        A question without options is answered by choosing sheets or columns, which any list allows.
        """
        questions = [question for question in self.list_questions(reading) if question.is_open]
        answerable = [question for question in questions if question.options and question.code not in self.answers]
        if not questions:
            return self.count_wrong(reading) == 0
        if not answerable:
            return any(not question.options for question in questions)
        if len(self.answers) >= _MAX_DEPTH:
            return False
        # Which options are to be taken is seen once the numbers are known.
        question = min(answerable, key=lambda each: each.multiple)
        if question.multiple:
            return self._goes_on(question, self._join_best(question))
        return any(self._goes_on(question, option.value) for option in question.options)

    def _goes_on(self, question: LayoutQuestion, answer: str) -> bool:
        answers = {**self.answers, question.code: answer}
        further = AnswerSearch(self.read, self.list_questions, self.count_wrong, answers)
        return further.finds(self.read(answers))

    def _join_best(self, question: LayoutQuestion) -> str:
        """Return the answer that leaves each option without which the list is nearer to what was meant."""
        taken = {option.value for option in question.options}
        best = self._count(question, taken)
        for option in question.options:
            wrong = self._count(question, taken - {option.value})
            if wrong < best:
                taken, best = taken - {option.value}, wrong
        return question.join_options(taken)

    def _count(self, question: LayoutQuestion, taken: set[str]) -> int:
        return self.count_wrong(self.read({**self.answers, question.code: question.join_options(taken)}))
