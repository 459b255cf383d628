"""The frequent questions, `docs/questions-frequentes.md`, by section; what a search finds in them and in the guides."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString

from accounts.models import Profile
from sites.help.guides import DOCUMENTS, Guide
from sites.help.markdown import GuideSection, make_anchor, render_blocks, render_guide
from sites.help.search import SearchableText, keep_best, make_searchable, read_search, score

FILE = DOCUMENTS / "questions-frequentes.md"
#: The section of a profile, by its anchor.
SECTION_OF_PROFILE: dict[str, str] = {
    Profile.PRINCIPAL: "pour-les-directions-d-ecole-et-d-etablissement",
    Profile.TEACHER: "pour-les-enseignants",
    Profile.AGENT: "pour-les-collectivites",
}
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_QUESTION = re.compile(r"^### (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class FrequentQuestion:
    """A question and its answer."""

    anchor: str
    title: str
    answer: SafeString
    searchable: SearchableText


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


def list_sections(profile: str = "") -> list[QuestionSection]:
    """Return all questions by section, that of the reader's profile first."""
    return sorted(read_sections(), key=lambda section: section.anchor != SECTION_OF_PROFILE.get(profile))


def find_questions(search: str, *, profile: str = "") -> list[FrequentQuestion]:
    """Return the questions that answer a search, the best first; among equals those of the reader's profile."""
    stems = read_search(search)
    questions = (question for section in list_sections(profile) for question in section.questions)
    return keep_best((score(question.searchable, stems), question) for question in questions)


def find_guide_sections(search: str, guides: Iterable[Guide]) -> list[tuple[Guide, GuideSection]]:
    """Return the sections of guides whose headings answer a search, the best first."""
    stems = read_search(search)
    return keep_best(
        (score(make_searchable(section.title), stems), (guide, section))
        for guide in guides
        for section in render_guide(guide.read()).sections
    )


def _read_questions(text: str) -> tuple[FrequentQuestion, ...]:
    _, *parts = _QUESTION.split(text)
    return tuple(
        FrequentQuestion(make_anchor(title), title, render_blocks(answer), make_searchable(title, answer))
        for title, answer in zip(parts[::2], parts[1::2], strict=True)
    )
