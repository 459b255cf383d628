"""Parse a school's name into level, sector and distinctive words. Pure.

« E.E.PU J. JAURÈS 2 » and « École élémentaire publique Jean Jaurès - groupe 2 » parse to the same result, but for an
initial.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schools.folding import edit_distance, fold
from schools.recognition import vocabulary

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_NUMBERED = frozenset({"n", "no", "num", "numero", "groupe", "grpe", "gpe"})
# By first word, longest first.
_PHRASES: dict[str, list[tuple[list[str], list[str]]]] = {}
for _phrase, _meant in sorted(vocabulary.PHRASES.items(), key=lambda pair: -len(pair[0])):
    _PHRASES.setdefault(_phrase[0], []).append((list(_phrase), _meant.split()))
_MAX_ACRONYM_LENGTH = 6
_MIN_CORRECTED_LENGTH = 4
_DISTRICT = re.compile(r"\b(paris|lyon|marseille) [0-9]{1,2}(?:er|e|eme)?(?: arrondissement)?$")
_DIGITS = re.compile(r"0*([0-9]+)(?:er|e|eme)?")


class ParsedName(NamedTuple):
    """A parsed name."""

    #: Bits of `vocabulary`; 0 for no level.
    levels: int
    #: Whether it has « école » without a level.
    is_unspecified_level: bool
    #: `public`, `private`, `both` where the name contradicts itself, or empty.
    sector: str
    #: Establishments attached to a school of the same name: a SEGPA, an apprentices' centre.
    attached: frozenset[str]
    tracks: frozenset[str]
    #: Distinctive words, in order.
    words: tuple[str, ...]
    #: Letter or number of twin schools: « Jaurès A », « Jaurès 2 ».
    marks: frozenset[str]
    #: Whether the name mentions an attached establishment, or the type of another column is one: « SEGPA ».
    mentions_attached: bool = False
    #: Whether it has « école » or « groupe scolaire », even beside a level: « Collège groupe scolaire Bougainville ».
    has_school_word: bool = False

    @property
    def states_level(self) -> bool:
        """Whether it says what kind of establishment it is."""
        return bool(self.levels or self.is_unspecified_level or self.attached)


def parse_name(name: str, kind: str = "") -> ParsedName:
    """Parse a name, completed by the type of another column: a type is never a name, nor another level than the name's.

    « Collège Jean Moulin » of type « Générale et SEGPA » is the collège.
    """
    named = parse_folded_name(fold(name)) if name else _NOTHING
    if not kind:
        return named._replace(mentions_attached=True) if named.attached else named
    typed = parse_folded_name(fold(kind))
    levels = named.levels or typed.levels
    return named._replace(
        levels=levels,
        is_unspecified_level=not levels and (named.is_unspecified_level or typed.is_unspecified_level),
        sector=named.sector or typed.sector,
        attached=named.attached or (frozenset() if named.levels else typed.attached - vocabulary.SECTIONS),
        mentions_attached=bool(named.attached) or vocabulary.SEPARATE_SECTIONS.issuperset(fold(kind).split()),
        tracks=(named if named.levels else parse_folded_name(f"lycee {fold(name)}")).tracks or typed.tracks
        if levels & vocabulary.LYCEE
        else named.tracks,
    )


def split_distinctive(words: Iterable[str], commune_key: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Split words into distinctive and weak ones.

    The commune's own name is dropped: « École de Fresnes » in Fresnes is « École ».
    """
    own = frozenset(commune_key.split()) - vocabulary.STOP_WORDS
    remaining = tuple(words)
    if own and own <= frozenset(remaining):
        remaining = tuple(word for word in remaining if word not in own)
    strong = tuple(word for word in remaining if word not in vocabulary.WEAK_WORDS)
    return strong, frozenset(remaining) & vocabulary.WEAK_WORDS


@functools.lru_cache(maxsize=20_000)
def parse_folded_name(text: str) -> ParsedName:
    """Parse a folded name."""
    reader = _Reader()
    tokens = _join_tokens(_DISTRICT.sub(r"\1", text).split())
    for position, word in enumerate(tokens):
        last = position == len(tokens) - 1
        if word == "lycee" and reader.levels and reader.words and tokens[position + 1 : position + 3] in _OF_TRADES:
            # « Lycée des métiers de… » is a label that follows the name.
            break
        if len(word) == 1 and last and position:
            # Including A, elsewhere a preposition.
            reader.words.append(word)
        else:
            reader.take(_correct(word, first=not reader.words), outermost=last or not reader.words)
    return reader.reading()


class _Reader:
    """Parser state: takes a name word by word."""

    __slots__ = ("attached", "is_unspecified_level", "levels", "sector", "tracks", "words")

    def __init__(self) -> None:
        self.levels = 0
        self.is_unspecified_level = False
        self.sector = ""
        self.attached: set[str] = set()
        self.tracks: set[str] = set()
        self.words: list[str] = []

    def take(self, word: str, *, outermost: bool) -> None:
        """Process one word. `outermost`: it is the first or the last one."""
        level = vocabulary.LEVELS.get(word) or (vocabulary.LEVELS_AT_FIRST.get(word, 0) if outermost else 0)
        if (
            self.is_unspecified_level
            and not self.words
            and not self.levels
            and word in vocabulary.SECONDARY_AFTER_ECOLE
        ):
            level = vocabulary.SECONDARY
        if level == vocabulary.SECONDARY and self.levels & vocabulary.SECONDARY:
            # « Collège du cours secondaire » is no lycée.
            level = 0
        self.levels |= level
        track = vocabulary.TRACKS.get(word, "") if self.levels & vocabulary.LYCEE else ""
        if track == "g" and "p" in self.tracks:
            # « Lycée professionnel Général Ferrié ».
            track = ""
        self.tracks.update(track)
        if not (level or track or self._take_sector(word, first=not self.words) or word in vocabulary.STOP_WORDS):
            self._take_other(word)

    def _take_sector(self, word: str, *, first: bool) -> bool:
        both = vocabulary.LEVELS_AND_SECTORS.get(word)
        if both is not None:
            self.levels |= both[0]
            self.is_unspecified_level |= not both[0]
            self.sector = both[1]
            return True
        if word in vocabulary.SECTORS and (first or word not in _SHORT_SECTORS):
            sector = vocabulary.SECTORS[word]
            self.sector = sector if self.sector in ("", sector) else "both"
            return True
        return False

    def _take_other(self, word: str) -> None:
        if word in vocabulary.SCHOOL_WORDS:
            self.is_unspecified_level = True
        elif word in vocabulary.ATTACHED_ESTABLISHMENTS:
            self.attached.add(word)
        else:
            expanded = vocabulary.EXPANSIONS.get(word, word)
            if expanded not in vocabulary.STOP_WORDS:
                self.words.append(expanded)

    def reading(self) -> ParsedName:
        """Return the parsed name."""
        if self.levels & vocabulary.LYCEE:
            # « Agricole La Lande (lycée) »: the level comes last.
            self.tracks.update(*(vocabulary.TRACKS.get(word, "") for word in self.words))
            self.words = [word for word in self.words if word not in vocabulary.TRACKS]
        words, marks = _split_marks(self.words)
        return ParsedName(
            levels=self.levels,
            is_unspecified_level=self.is_unspecified_level and not self.levels,
            sector=self.sector,
            attached=frozenset(self.attached),
            tracks=frozenset(self.tracks if self.levels & vocabulary.SECONDARY else ()),
            has_school_word=self.is_unspecified_level,
            # Distinct words: « Notre-Dame de Larmor, Notre-Dame de la Clarté ».
            words=tuple(dict.fromkeys(words)),
            marks=marks,
        )


_NOTHING = ParsedName(0, False, "", frozenset(), frozenset(), (), frozenset())
_OF_TRADES = (["des", "metiers"], ["de", "metiers"])
_SHORT_SECTORS = frozenset({"pu", "pr", "pub"})


def _join_tokens(tokens: list[str]) -> list[str]:
    """Join phrases, and acronyms that were split at dots: `e e pu` is `eepu`."""
    result: list[str] = []
    position = 0
    while position < len(tokens):
        consumed = 0
        if len(tokens[position]) <= 2:  # noqa: PLR2004 - « E.E.PU », « L.P. »
            consumed = _acronym_length(tokens[position:], first=not result)
            if consumed:
                result.append("".join(tokens[position : position + consumed]))
        if not consumed:
            for phrase, meant in _PHRASES.get(tokens[position], ()):
                if tokens[position : position + len(phrase)] == phrase:
                    result += meant
                    consumed = len(phrase)
                    break
        if not consumed:
            result.append(tokens[position])
            consumed = 1
        position += consumed
    return result


def _acronym_length(tokens: Sequence[str], *, first: bool) -> int:
    """Return how many leading tokens form an acronym of schools; 0 if none.

    « E. P. » is one at the beginning and at the end of a name; elsewhere it is a person's initials.
    """
    for length in range(min(len(tokens), _MAX_ACRONYM_LENGTH), 1, -1):
        joined = "".join(tokens[:length])
        if len(joined) > _MAX_ACRONYM_LENGTH or max(map(len, tokens[:length])) > len("publ"):
            continue
        outermost = first or length == len(tokens)
        if (
            joined in vocabulary.LEVELS_AND_SECTORS
            or joined == "ee"
            or (outermost and joined in vocabulary.LEVELS_AT_FIRST)
        ):
            return length
    return 0


@functools.lru_cache(maxsize=50_000)
def _correct(token: str, *, first: bool) -> str:
    """Return the vocabulary word that a token misspells, or the token."""
    if len(token) < _MIN_CORRECTED_LENGTH:
        return token
    for word, most in (vocabulary.MISSPELT | vocabulary.MISSPELT_AT_FIRST if first else vocabulary.MISSPELT).items():
        if token[0] == word[0] and abs(len(token) - len(word)) <= most:
            if token == word:
                return token
            if token not in vocabulary.CORRECT_WORDS and edit_distance(token, word) <= most:
                return word
    return token


def _split_marks(words: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Split words from the marks of twin schools: a number, or a single letter at the end."""
    kept: list[str] = []
    marks: set[str] = set()
    everything = list(words)
    for position, word in enumerate(everything):
        last = position == len(everything) - 1
        digits = _DIGITS.fullmatch(word)
        if word in _NUMBERED:
            continue
        if digits is not None:
            marks.add(digits[1])
        elif word in _ROMAN and (last or (position and everything[position - 1] in _NUMBERED)):
            marks.add(_ROMAN[word])
        elif len(word) == 1 and last:
            marks.add(word)
        else:
            kept.append(word)
    return kept, frozenset(marks)
