"""Which column means what: by its title, and by what it holds.

A column of UAI is a column of UAI whatever its title, and so is a column of addresses. Two columns that could both
be one meaning that is acted upon are never chosen between in silence: the question goes to the member. What only helps
to find the school is taken from the surer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import LABELS, Meaning, is_added
from imports.problems import Problem
from imports.reading.contents import MOST, SOME, Look, columns_of
from imports.reading.titles import is_foreign, meanings_of
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imports.readers.sheets import Row
    from imports.reading.contents import Column
    from imports.reading.titles import Title

#: What is acted upon: between two such columns a person chooses.
ACTED_UPON = (Meaning.UAI, Meaning.EMAIL, Meaning.UNITS, Meaning.CLASSES)
#: A title of one of these tiers leaves no doubt, whatever stands below it.
_SURE = {Meaning.UAI: 0, Meaning.EMAIL: 0, Meaning.UNITS: 1, Meaning.CLASSES: 1}
#: The last tier of titles that make a column of UAI which holds few or none of them: « Code établissement ».
_CODES = 1
#: From this tier on a title says « nom » and not of what.
_PLAIN_NAME = 3
#: The last tier of titles that name licences.
_COUNTING = 2
#: Without titles, numbers above it are pupils rather than licences.
LARGEST_VOLUME = 60

#: What the cells under a title must look like, if there are any, for it to be believed, and how many of them.
_BELIEVED: dict[Meaning, tuple[tuple[int, ...], float]] = {
    Meaning.NAME: ((Look.TEXT, Look.SCHOOL), SOME),
    Meaning.COMMUNE: ((Look.TEXT, Look.COMMUNE), 0.5),
    Meaning.POSTAL_CODE: ((Look.POSTAL_CODE, Look.POSTAL_TOWN), 0.5),
    Meaning.PHONE: ((Look.PHONE,), SOME),
    Meaning.CONTACT_NAME: ((Look.TEXT,), 0.5),
    Meaning.KIND: ((Look.TEXT, Look.SCHOOL), SOME),
}
#: What makes a column by its cells alone, and from which share on; in this order.
_BY_CONTENT: dict[Meaning, tuple[tuple[int, ...], float]] = {
    Meaning.PHONE: ((Look.PHONE,), 0.8),
    Meaning.POSTAL_CODE: ((Look.POSTAL_CODE,), 0.9),
    Meaning.DEPARTEMENT: ((Look.DEPARTEMENT,), 0.9),
    Meaning.COMMUNE: ((Look.COMMUNE,), MOST),
    Meaning.KIND: ((Look.KIND,), 0.8),
    Meaning.NAME: ((Look.SCHOOL,), 0.5),
}


class Recognition(NamedTuple):
    """The column of each meaning that was found, by its index, and the questions that only the member can answer."""

    columns: dict[Meaning, int]
    questions: list[Problem]


def recognise(
    titles: Sequence[Title],
    sample: Sequence[Row],
    chosen: Mapping[Meaning, int | None] | None = None,
    *,
    communes: frozenset[str] = frozenset(),
    titled: bool = True,
) -> Recognition:
    """Return the mapping for these titles and the rows below them.

    `chosen`: what the member decided; None for a meaning that no column has. `communes`: the folded names that are
    known. `titled`: whether the table has titles at all.
    """
    chosen = chosen or {}
    columns = {m: i for m, i in chosen.items() if i is not None and 0 <= i < len(titles)}
    left = [meaning for meaning in Meaning if meaning not in chosen]
    choosing = _Choosing(titles, columns_of(sample, len(titles), communes), columns)
    for meaning in left:
        choosing.by_title(meaning)
    for meaning in left:
        choosing.by_content(meaning, titled=titled)
    asked = {question.column for question in choosing.questions}
    if Meaning.UAI not in columns and Meaning.NAME not in columns and Meaning.UAI not in asked:
        choosing.questions.append(
            Problem(
                Meaning.UAI,
                "no_uai_column",
                "Aucune colonne ne dit de quelles écoles il s'agit : ni UAI, ni nom d'école. Choisissez la bonne "
                "feuille, la bonne ligne de titres ou la bonne colonne.",
            )
        )
    return Recognition(columns, choosing.questions)


def unfit(columns: Mapping[Meaning, int | None], titles: Sequence[Title], sample: Sequence[Row]) -> list[Meaning]:
    """Return the meanings whose remembered column no longer holds what it held: it must not be believed blindly."""
    held = columns_of(sample, len(titles), frozenset())
    wanted = {
        Meaning.UAI: (Look.UAI, Look.DAMAGED_UAI, Look.BARE_UAI),
        Meaning.EMAIL: (Look.EMAIL,),
        Meaning.UNITS: (Look.QUANTITY,),
        Meaning.CLASSES: (Look.QUANTITY,),
        Meaning.POSTAL_CODE: (Look.POSTAL_CODE,),
        Meaning.NAME: (Look.TEXT, Look.SCHOOL),
    }
    return [
        meaning
        for meaning, index in columns.items()
        if index is not None
        and meaning in wanted
        and (index >= len(held) or (not held[index].empty and held[index].share(*wanted[meaning]) < SOME))
    ]


class _Choosing:
    """The columns of a table while they are given their meanings."""

    def __init__(self, titles: Sequence[Title], columns: list[Column], found: dict[Meaning, int]) -> None:
        self.titles = titles
        self.columns = columns
        self.found = found
        self.questions: list[Problem] = []
        self.foreign = {index for index, title in enumerate(titles) if is_foreign(title)}
        self.first_names = any("prenom" in fold(title.text).split() for title in titles)
        # What we wrote ourselves into an annotated workbook is no data, whatever it looks like.
        self.added = {index for index, title in enumerate(titles) if is_added(title.text)}

    def by_title(self, meaning: Meaning) -> None:
        """Give the meaning to the column whose title says it best, as far as its cells allow."""
        tiers = {
            index: found[meaning]
            for index in self._free(meaning)
            if self.titles[index].text and meaning in (found := meanings_of(self.titles[index]))
        }
        if meaning is Meaning.NAME and self.first_names:
            # « Nom » beside « Prénom » is a person's.
            tiers = {i: n for i, n in tiers.items() if n < _PLAIN_NAME or self.columns[i].share(Look.SCHOOL) >= SOME}
        if meaning is Meaning.CONTACT_NAME and self.first_names and not tiers:
            tiers = {i: 0 for i in self._free(meaning) if Meaning.NAME in meanings_of(self.titles[i])}
        if meaning is Meaning.UAI:
            self._settle(meaning, self._coded(tiers))
        elif meaning is Meaning.EMAIL:
            self._settle(meaning, self._addresses(tiers))
        elif meaning in (Meaning.UNITS, Meaning.CLASSES):
            if meaning is Meaning.UNITS:
                # « Licences déjà attribuées » and « Licences à attribuer »: both count licences, neither is the surer.
                tiers = {index: 1 if number <= _COUNTING else number for index, number in tiers.items()}
            self._settle(meaning, self._numbers(tiers, _SURE[meaning]))
        else:
            self._settle(meaning, self._told(meaning, tiers))

    def by_content(self, meaning: Meaning, *, titled: bool) -> None:
        """Give a meaning that no title says to the column that holds nothing else."""
        if meaning in self.found:
            return
        if meaning is Meaning.UNITS:
            if not titled:
                self._settle(meaning, self._volumes())
        elif meaning is Meaning.COMMUNE and self._holds_both(self.found.get(Meaning.POSTAL_CODE)):
            self.found[meaning] = self.found[Meaning.POSTAL_CODE]
        elif meaning in _BY_CONTENT:
            looks, least = _BY_CONTENT[meaning]
            shares = {
                index: self.columns[index].share(*looks)
                for index in self._free(meaning)
                if index not in self.foreign and not self._says_another(index, meaning)
            }
            fit = [i for i, share in shares.items() if share >= least and self._plausible(meaning, self.columns[i])]
            if not fit and meaning is Meaning.NAME and Meaning.UAI not in self.found and not titled:
                fit = self._bare_names()
            self._settle(meaning, sorted(fit, key=lambda index: -shares.get(index, 0))[:1])

    def _free(self, meaning: Meaning) -> list[int]:
        if meaning is Meaning.CHOICE:
            return sorted(index for index in self.added if index < len(self.columns))
        taken = set(self.found.values()) | self.added
        return [index for index in range(len(self.columns)) if index not in taken]

    def _says_another(self, index: int, meaning: Meaning) -> bool:
        said = meanings_of(self.titles[index]) if self.titles[index].text else {}
        return bool(said) and meaning not in said and min(said.values()) == 0 and meaning is not Meaning.KIND

    def _settle(self, meaning: Meaning, candidates: Sequence[int]) -> None:
        if len(candidates) > 1 and meaning in ACTED_UPON:
            first = self.columns[candidates[0]]
            # The same column twice is no question.
            candidates = [i for i in candidates if i == candidates[0] or _differ(first, self.columns[i])]
        if len(candidates) > 1 and meaning in ACTED_UPON:
            names = " et ".join(f"« {self.titles[i].text.strip() or letters(i)} » ({letters(i)})" for i in candidates)
            self.questions.append(
                Problem(
                    meaning,
                    "ambiguous_column",
                    f"Plusieurs colonnes peuvent donner « {LABELS[meaning]} » : {names}. Choisissez la bonne.",
                )
            )
        elif candidates:
            self.found[meaning] = candidates[0]

    def _coded(self, tiers: Mapping[int, int]) -> list[int]:
        """Return the columns that may hold the UAI, all as good as each other."""
        for looks in ((Look.UAI,), (Look.UAI, Look.DAMAGED_UAI), (Look.UAI, Look.DAMAGED_UAI, Look.BARE_UAI)):
            shares = {i: self.columns[i].share(*looks) for i in self._free(Meaning.UAI)}
            fit = [index for index, share in shares.items() if share >= MOST]
            if Look.BARE_UAI in looks:
                fit = [i for i in fit if i in tiers or (shares[i] == 1 and self.columns[i].distinct == 1)]
            fit = [index for index in fit if index not in self.foreign] or fit
            if fit:
                return _surest({i: tiers[i] for i in fit if i in tiers}) or fit
        partly = {
            index: number
            for index, number in tiers.items()
            if self.columns[index].share(Look.UAI, Look.DAMAGED_UAI, Look.BARE_UAI) >= SOME
        }
        # A title that leaves no doubt, over cells that are all wrong: the faults are told row by row.
        sure = {i: number for i, number in tiers.items() if number == _SURE[Meaning.UAI] or self._is_blank_code(i)}
        return _surest(partly) or _surest(sure)

    def _is_blank_code(self, index: int) -> bool:
        return self.columns[index].empty and meanings_of(self.titles[index])[Meaning.UAI] > _CODES

    def _addresses(self, tiers: Mapping[int, int]) -> list[int]:
        free = [index for index in self._free(Meaning.EMAIL) if index not in self.foreign]
        fit = [index for index in free if self.columns[index].share(Look.EMAIL) >= MOST]
        if fit:
            return _surest({i: tiers[i] for i in fit if i in tiers}) or fit
        partly = {index: n for index, n in tiers.items() if self.columns[index].share(Look.EMAIL) >= SOME}
        return _surest(partly) or _surest({i: number for i, number in tiers.items() if number == _SURE[Meaning.EMAIL]})

    def _numbers(self, tiers: Mapping[int, int], sure: int) -> list[int]:
        """Return the columns of numbers of which the title says what they count; any other may hold such numbers."""
        fit = {
            index: number
            for index, number in tiers.items()
            if self.columns[index].share(Look.QUANTITY) >= SOME
            and (number <= sure or not (self.columns[index].counts_up or self._are_years(index)))
        }
        blank = {index: number for index, number in tiers.items() if self.columns[index].empty}
        return _surest(fit) or _surest(blank) or _surest({i: number for i, number in tiers.items() if number <= sure})

    def _volumes(self) -> list[int]:
        """Return the only column of small whole numbers of a table without titles."""
        fit = [
            index
            for index in self._free(Meaning.UNITS)
            if (column := self.columns[index]).share(Look.QUANTITY) >= 0.9  # noqa: PLR2004
            and not column.counts_up
            and all(len(text) <= 3 and not (text.isdecimal() and int(text) > LARGEST_VOLUME) for text in column.texts)  # noqa: PLR2004
        ]
        return fit if len(fit) == 1 else []

    def _told(self, meaning: Meaning, tiers: Mapping[int, int]) -> list[int]:
        """Return the column with the surest title, and the likeliest cells among equals."""
        if meaning in _BELIEVED:
            looks, least = _BELIEVED[meaning]
            tiers = {
                index: number
                for index, number in tiers.items()
                if self.columns[index].empty or self.columns[index].share(*looks) >= least
            }
        if meaning is Meaning.NAME:
            # « École » over « élémentaire » and « maternelle » is a kind.
            names = {i: n for i, n in tiers.items() if self.columns[i].share(Look.KIND) < 0.8}  # noqa: PLR2004
            tiers = names or tiers
        filled = {index: number for index, number in tiers.items() if not self.columns[index].empty}
        by = {Meaning.NAME: Look.SCHOOL, Meaning.COMMUNE: Look.COMMUNE}.get(meaning, Look.TEXT)
        return sorted(_surest(filled or tiers), key=lambda index: -self.columns[index].share(by))[:1]

    def _are_years(self, index: int) -> bool:
        return self.columns[index].share(Look.YEAR) >= MOST

    def _holds_both(self, index: int | None) -> bool:
        return index is not None and self.columns[index].share(Look.POSTAL_TOWN) >= MOST

    def _plausible(self, meaning: Meaning, column: Column) -> bool:
        if meaning is Meaning.POSTAL_CODE:
            # Codes of INSEE look the same; most postal codes end with a zero, and they have five digits.
            return column.share(Look.ROUND) >= MOST and column.share(Look.YEAR) < SOME
        return True

    def _bare_names(self) -> list[int]:
        """Return the first column of texts that mostly differ: names without the word « école »."""
        return [
            index
            for index in self._free(Meaning.NAME)
            if (column := self.columns[index]).share(Look.TEXT) >= 0.9 and column.distinct >= 0.5  # noqa: PLR2004
        ]


def _surest(tiers: Mapping[int, int]) -> list[int]:
    best = min(tiers.values(), default=None)
    return [index for index, number in tiers.items() if number == best]


def _differ(one: Column, other: Column) -> bool:
    return _lowered(one.texts) != _lowered(other.texts)


def _lowered(texts: Iterable[str]) -> list[str]:
    return [text.lower() for text in texts]


def letters(index: int) -> str:
    """Return a column's name as a spreadsheet shows it: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
