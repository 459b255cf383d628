"""What a school's name says: its level, its sector, and the words that tell it from the others of the place.

Pure. « E.E.PU J. JAURÈS 2 » and « École élémentaire publique Jean Jaurès - groupe 2 » come to the same reading, but for
an initial.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from schools.folding import fold, slips
from schools.recognition import vocabulary as said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_NUMBERED = frozenset({"n", "no", "num", "numero", "groupe", "grpe", "gpe"})
# By their first word, the longest first.
_PHRASES: dict[str, list[tuple[list[str], list[str]]]] = {}
for _phrase, _meant in sorted(said.PHRASES.items(), key=lambda pair: -len(pair[0])):
    _PHRASES.setdefault(_phrase[0], []).append((list(_phrase), _meant.split()))
_LONGEST_ACRONYM = 6
_SHORTEST_MISSPELT = 4
_DISTRICT = re.compile(r"\b(paris|lyon|marseille) [0-9]{1,2}(?:er|e|eme)?(?: arrondissement)?$")
_DIGITS = re.compile(r"0*([0-9]+)(?:er|e|eme)?")


class Reading(NamedTuple):
    """What a name says."""

    #: Bits of `vocabulary`; 0 where the name says no level.
    levels: int
    #: Whether it says « école » alone, of either level.
    either: bool
    #: `public`, `private`, or empty.
    sector: str
    #: What stands beside schools and bears their names: a SEGPA, an apprentices' centre.
    beside: frozenset[str]
    tracks: frozenset[str]
    #: The words that tell the school from others, in their order.
    words: tuple[str, ...]
    #: The letter or the number that parts twins: « Jaurès A », « Jaurès 2 ».
    marks: frozenset[str]

    @property
    def says_level(self) -> bool:
        """Whether it says anything about what is taught."""
        return bool(self.levels) or self.either


def read(*texts: str) -> Reading:
    """Return what a name says; several texts (a name, and a type from a column of its own) are read together."""
    readings = [read_folded(fold(text)) for text in texts if text]
    if len(readings) == 1:
        return readings[0]
    if not readings:
        return _NOTHING
    levels = functools.reduce(lambda one, other: one | other, (reading.levels for reading in readings))
    return Reading(
        levels=levels,
        either=not levels and any(reading.either for reading in readings),
        sector=next((reading.sector for reading in readings if reading.sector), ""),
        beside=frozenset().union(*(reading.beside for reading in readings)),
        tracks=frozenset().union(*(reading.tracks for reading in readings)),
        words=readings[0].words,
        marks=readings[0].marks,
    )


def telling(words: Iterable[str], commune_key: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the words that tell a school from others of the commune, and those that tell little.

    The commune's own name tells nothing: « École de Fresnes » in Fresnes is « École ».
    """
    own = frozenset(commune_key.split()) - said.EMPTY
    everything = tuple(words)
    if own and own <= frozenset(everything):
        everything = tuple(word for word in everything if word not in own)
    strong = tuple(word for word in everything if word not in said.FAINT)
    return strong, frozenset(everything) & said.FAINT


@functools.lru_cache(maxsize=20_000)
def read_folded(text: str) -> Reading:
    """Return what a name says that is folded already."""
    reader = _Reader()
    spelt = _joined(_DISTRICT.sub(r"\1", text).split())
    for place, word in enumerate(spelt):
        last = place == len(spelt) - 1
        if word == "lycee" and reader.levels and reader.words and spelt[place + 1 : place + 3] in _OF_TRADES:
            # « Lycée des métiers de… » is a label that follows the name.
            break
        if len(word) == 1 and last and place:
            # Even an A, which elsewhere is a preposition.
            reader.words.append(word)
        else:
            reader.take(_spelt(word, first=not reader.words), outermost=last or not reader.words)
    return reader.reading()


class _Reader:
    """A name, taken word by word."""

    __slots__ = ("beside", "either", "levels", "sector", "tracks", "words")

    def __init__(self) -> None:
        self.levels = 0
        self.either = False
        self.sector = ""
        self.beside: set[str] = set()
        self.tracks: set[str] = set()
        self.words: list[str] = []

    def take(self, word: str, *, outermost: bool) -> None:
        """Take one word for what it says. `outermost`: it begins the name, or ends it."""
        level = said.LEVELS.get(word) or (said.LEVELS_AT_FIRST.get(word, 0) if outermost else 0)
        if self.either and not self.words and not self.levels and word in said.OF_SECOND_DEGREE:
            level = said.SECONDARY
        self.levels |= level
        track = said.TRACKS.get(word, "") if self.levels & said.LYCEE else ""
        if track == "g" and "p" in self.tracks:
            # « Lycée professionnel Général Ferrié ».
            track = ""
        self.tracks.update(track)
        if not (level or track or self._of_sector(word, first=not self.words) or word in said.EMPTY):
            self._tell(word)

    def _of_sector(self, word: str, *, first: bool) -> bool:
        both = said.LEVELS_AND_SECTORS.get(word)
        if both is not None:
            self.levels |= both[0]
            self.either |= not both[0]
            self.sector = both[1]
            return True
        if word in said.SECTORS and (first or word not in _SHORT_SECTORS):
            self.sector = self.sector or said.SECTORS[word]
            return True
        return False

    def _tell(self, word: str) -> None:
        if word in said.SCHOOL:
            self.either = True
        elif word in said.BESIDE:
            self.beside.add(word)
        else:
            whole = said.WRITTEN_OUT.get(word, word)
            if whole not in said.EMPTY:
                self.words.append(whole)

    def reading(self) -> Reading:
        """Return what the whole name says."""
        if self.levels & said.LYCEE:
            # « Agricole La Lande (lycée) »: the level was said behind.
            self.tracks.update(*(said.TRACKS.get(word, "") for word in self.words))
            self.words = [word for word in self.words if word not in said.TRACKS]
        words, marks = _marked(self.words)
        return Reading(
            levels=self.levels,
            either=self.either and not self.levels,
            sector=self.sector,
            beside=frozenset(self.beside),
            tracks=frozenset(self.tracks if self.levels & said.SECONDARY else ()),
            # « Notre-Dame de Larmor, Notre-Dame de la Clarté » has its words once.
            words=tuple(dict.fromkeys(words)),
            marks=marks,
        )


_NOTHING = Reading(0, False, "", frozenset(), frozenset(), (), frozenset())
_OF_TRADES = (["des", "metiers"], ["de", "metiers"])
_SHORT_SECTORS = frozenset({"pu", "pr", "pub"})


def _joined(tokens: list[str]) -> list[str]:
    """Return the words with the phrases made one, and the acronyms that dots had parted: `e e pu` is `eepu`."""
    out: list[str] = []
    place = 0
    while place < len(tokens):
        taken = 0
        if len(tokens[place]) <= 2:  # noqa: PLR2004 - « E.E.PU », « L.P. »
            taken = _acronym(tokens[place:], first=not out)
            if taken:
                out.append("".join(tokens[place : place + taken]))
        if not taken:
            for phrase, meant in _PHRASES.get(tokens[place], ()):
                if tokens[place : place + len(phrase)] == phrase:
                    out += meant
                    taken = len(phrase)
                    break
        if not taken:
            out.append(tokens[place])
            taken = 1
        place += taken
    return out


def _acronym(tokens: Sequence[str], *, first: bool) -> int:
    """Return how many of the tokens, joined, are an acronym of schools; 0 where none.

    « E. P. » is one at the beginning of a name and at its end; elsewhere these are somebody's initials.
    """
    for length in range(min(len(tokens), _LONGEST_ACRONYM), 1, -1):
        joined = "".join(tokens[:length])
        if len(joined) > _LONGEST_ACRONYM or max(map(len, tokens[:length])) > len("publ"):
            continue
        outermost = first or length == len(tokens)
        if joined in said.LEVELS_AND_SECTORS or joined == "ee" or (outermost and joined in said.LEVELS_AT_FIRST):
            return length
    return 0


@functools.lru_cache(maxsize=50_000)
def _spelt(token: str, *, first: bool) -> str:
    """Return the word of the vocabulary that a token misspells, or the token."""
    if len(token) < _SHORTEST_MISSPELT:
        return token
    for word, most in (said.MISSPELT | said.MISSPELT_AT_FIRST if first else said.MISSPELT).items():
        if token[0] == word[0] and abs(len(token) - len(word)) <= most:
            if token == word:
                return token
            if token not in said.SPELT and slips(token, word) <= most:
                return word
    return token


def _marked(words: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Part the words from the marks of twins: a number, or a single letter at the end."""
    kept: list[str] = []
    marks: set[str] = set()
    everything = list(words)
    for place, word in enumerate(everything):
        last = place == len(everything) - 1
        digits = _DIGITS.fullmatch(word)
        if word in _NUMBERED:
            continue
        if digits is not None:
            marks.add(digits[1])
        elif word in _ROMAN and (last or (place and everything[place - 1] in _NUMBERED)):
            marks.add(_ROMAN[word])
        elif len(word) == 1 and last:
            marks.add(word)
        else:
            kept.append(word)
    return kept, frozenset(marks)
