"""What a sent page of questions leaves open, and where an answer and the list of columns contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imports.enums import Volume
from imports.layout import Layout
from imports.meanings import LABELS, Meaning
from imports.parsing.column_mapping import column_letters
from imports.parsing.questions import SOURCE_MISSING
from imports.parsing.repeated_schools import COUNT, replaces_number
from imports.question import NO_COLUMN, LayoutQuestion

_COUNTED_TWICE = (
    "Vous comptez les lignes de chaque école, et dites autrement combien de licences donner : gardez l'un des deux."
)
_NUMBERS = (Meaning.UNITS, Meaning.CLASSES)


@dataclass(frozen=True)
class SentAnswers:
    """What was chosen on the page, beside the layout that it was asked about."""

    layout: Layout
    #: Index of the column that the list gives for a meaning.
    columns: Mapping[Meaning, int]
    #: Value of the chosen option, "" without one, by code of the question.
    answers: Mapping[str, str]
    #: "" where a column gives the number; the second is the one that the page was shown with.
    volume: str
    volume_before: str

    def matters(self, question: LayoutQuestion) -> bool:
        """Whether a question still matters: not one about numbers, where they are given in another way."""
        if replaces_number(question):
            return not self._gives_number()
        if question.code == SOURCE_MISSING:
            return self.volume in ("", Volume.CLASSES)
        if question.column not in _NUMBERS or self.volume == self.volume_before:
            return True
        return self.volume == Volume.CLASSES and question.column == Meaning.CLASSES

    def is_answered(self, question: LayoutQuestion) -> bool:
        """Whether a question is answered, or the list of columns answers it."""
        if question.options:
            return bool(self.answers.get(question.code)) or self._is_chosen(question)
        if question.code == SOURCE_MISSING:
            return any(meaning in self.columns for meaning in _NUMBERS if self.volume in ("", meaning))
        if question.column == "sheets":
            return False
        if question.code == "uai_column_missing":
            return Meaning.UAI in self.columns or Meaning.NAME in self.columns
        # Of an address, no column may be right.
        return question.column in self.columns or question.column not in (*_NUMBERS, Meaning.UAI)

    def is_replaced(self, question: LayoutQuestion) -> bool:
        """Whether the answer that a question came with is left as it was, and another column or number chosen."""
        changed = self._gives_number() if replaces_number(question) else self._is_changed_in_list(question)
        return changed and self.answers.get(question.code, "") == question.answer

    def find_contradiction(self, question: LayoutQuestion) -> str:
        """Return a sentence where a new answer and a new choice in the list name different columns, else ""."""
        answer = self.answers.get(question.code, "")
        if answer in ("", question.answer):
            return ""
        if replaces_number(question):
            return _COUNTED_TWICE if answer == COUNT and self._gives_number() else ""
        if not self.matters(question) or not question.names_columns:
            return ""
        named = [] if answer == NO_COLUMN else answer.split("+")
        listed = self._find_listed(Meaning(question.column), named)
        if listed is None:
            return ""
        meaning, chosen = listed
        answered = f"la colonne {named[0]}" if len(named) == 1 else f"les colonnes {' et '.join(named)}"
        return (
            f"Ici, {f'vous répondez {answered}' if named else 'vous ne voulez lire aucune colonne'} ; dans la liste "
            f"des colonnes, vous donnez « {LABELS[meaning]} » à {column_letters(chosen)}. Gardez l'un des deux."
        )

    def _find_listed(self, meaning: Meaning, named: Sequence[str]) -> tuple[Meaning, int] | None:
        """Return the change in the list that goes against an answer: another column, or another use of its own."""
        chosen, before = self.columns.get(meaning), self.layout.columns
        if chosen is not None and chosen != before.get(meaning) and column_letters(chosen) not in named[:1]:
            return meaning, chosen
        for other, index in self.columns.items():
            if other != meaning and before.get(other) != index and column_letters(index) in named:
                return other, index
        return None

    def _gives_number(self) -> bool:
        """Whether another volume is chosen, or another column of a number in the list."""
        before = self.layout.columns
        return self.volume != self.volume_before or any(
            meaning in self.columns and self.columns[meaning] != before.get(meaning) for meaning in _NUMBERS
        )

    def _is_chosen(self, question: LayoutQuestion) -> bool:
        return self._is_changed_in_list(question) and question.column in self.columns

    def _is_changed_in_list(self, question: LayoutQuestion) -> bool:
        if question.column not in LABELS:
            return False
        meaning = Meaning(question.column)
        return self.columns.get(meaning) != self.layout.columns.get(meaning)
