"""The frequent questions, `docs/questions-frequentes.md`, by section; what a search finds in them and in the guides."""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.safestring import SafeString

from accounts.models import Profile
from core.formatting import fold
from sites.help.guides import DOCUMENTS, Guide, GuideSection, make_anchor, render_blocks, render_guide

# Search of the frequent questions and of the guides' headings, by any of the words typed. Pure.
#
# Accents, capitals, plurals and endings of verbs do not count; a word of three letters or more finds those that begin
# with it. A word in a title counts three times as much as one in an answer.

_TITLE_WEIGHT = 3
#: A shorter word finds itself only: « mi » of « mi-temps » is not « mise ».
_MIN_PREFIX = 3
_WORD = re.compile(r"[a-z0-9]+")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ements?|ers?|ez|ees?|es?|s|(?<=[ae]u)x)$")
_DOUBLE_LETTER = re.compile(r"([a-z])\1")
_SMALL_WORDS = (
    "a ai ait alors au aux avec c ca ce ces cet cette comment d dans de des dois doit donc du elle elles en est et "
    "etre eu faire fait faut il ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on "
    "ont ou par pas peut peux plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se ses "
    "si son sont sur t ta te tes toi ton tu un une veux vos votre vous y"
)
_IGNORED = frozenset(_SMALL_WORDS.split())


class SearchableText(NamedTuple):
    """The stems of a title and of the text below it."""

    title: frozenset[str]
    body: frozenset[str]


def make_searchable(title: str, body: str = "") -> SearchableText:
    """Return a title and the text below it as `score` reads them."""
    return SearchableText(frozenset(_list_stems(title)), frozenset(_list_stems(body)))


def read_search(search: str) -> list[str]:
    """Return the stems of the words of a search, without small words unless it has no others."""
    words = _WORD.findall(fold(search))
    return [_stem(word) for word in dict.fromkeys([word for word in words if word not in _IGNORED] or words)]


def score(text: SearchableText, stems: Sequence[str]) -> int:
    """Return how well a text answers a search; 0 if it has none of its words."""
    return sum(_TITLE_WEIGHT if _has(text.title, stem) else int(_has(text.body, stem)) for stem in stems)


def keep_best[Item](scored: Iterable[tuple[int, Item]]) -> list[Item]:
    """Return what answers a search best first, without what is half as good or less; the order is kept among equals."""
    ordered = sorted((one for one in scored if one[0]), key=lambda one: -one[0])
    return [item for points, item in ordered if 2 * points > ordered[0][0]]


def _has(stems: frozenset[str], searched: str) -> bool:
    if len(searched) < _MIN_PREFIX:
        return searched in stems
    return any(stem.startswith(searched) for stem in stems)


def _list_stems(text: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(fold(text))]


def _stem(word: str) -> str:
    """Return a word without its ending: « renouveler » and « renouvellement » are both « renouvel »."""
    return _DOUBLE_LETTER.sub(r"\1", _ENDING.sub("", word))


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
