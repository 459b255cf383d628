"""The frequent questions: `docs/questions-frequentes.md` by section, and those that a search finds."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.french import fold
from sites.help.guides import DOCUMENTS
from sites.help.markdown import make_anchor, render_blocks

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

FILE = DOCUMENTS / "questions-frequentes.md"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_QUESTION = re.compile(r"^### (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class FrequentQuestion:
    """A question and its answer."""

    anchor: str
    title: str
    answer: SafeString
    #: Question and answer without accents or capitals, for the search.
    folded: str


@dataclass(frozen=True)
class QuestionSection:
    """The questions of a subject."""

    anchor: str
    title: str
    questions: tuple[FrequentQuestion, ...]


@functools.cache
def read_sections() -> tuple[QuestionSection, ...]:
    """Return all questions by section, in the order of the file."""
    _, *parts = _SECTION.split(FILE.read_text(encoding="utf-8"))
    return tuple(
        QuestionSection(make_anchor(title), title, _read_questions(text))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    )


def find_sections(search: str) -> tuple[QuestionSection, ...]:
    """Return the questions whose text has every word of the search; sections without any are left out."""
    words = fold(search).split()
    found = (
        QuestionSection(
            section.anchor,
            section.title,
            tuple(question for question in section.questions if all(word in question.folded for word in words)),
        )
        for section in read_sections()
    )
    return tuple(section for section in found if section.questions)


def _read_questions(text: str) -> tuple[FrequentQuestion, ...]:
    _, *parts = _QUESTION.split(text)
    return tuple(
        FrequentQuestion(make_anchor(title), title, render_blocks(answer), fold(f"{title} {answer}"))
        for title, answer in zip(parts[::2], parts[1::2], strict=True)
    )
