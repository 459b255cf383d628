"""Rows of a sheet that are none of the table's: totals, titles of groups, notes, titles repeated. Pure.

A row that names a school, by a UAI or by a name and a place, is never one of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import Meaning
from imports.reading import cells
from imports.reading.contents import Look, look_of, place_of
from imports.reading.headers import is_numbering
from imports.reading.titles import says_plainly
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from imports.readers.sheets import Cell, Row

#: Seven digits of which two zeros were lost, and the letter with them.
SHORTEST_UAI = 5
#: A total says so in one of its first texts.
MOST_LABELS = 4
LONGEST_LABEL = 80
#: Digits as a UAI has them, and not as a telephone number has.
_CODE_LIKE = re.compile(r"(?<![0-9])(?<![0-9][ .-])(?:[0-9OoIl][ .'-]?){5,8}[A-Za-z]?(?![ .-]?[0-9])")
#: A text that begins so is a total's, whatever follows: « Sous-total Nîmes », « S/T Alès », « TOTAL 12 écoles ».
_TOTAL = re.compile(r"(sous |ss |s )?(total|totaux)\b.*|sst( .*)?")
_SHORT_TOTAL = re.compile(r"\s*(s\s*/\s*t|s\.\s*t\.)", re.IGNORECASE)
#: These begin names too (« Ensemble scolaire Saint-Joseph »; the Somme is a département): only these endings.
_SUM = re.compile(
    r"(ensemble|somme|cumul|moyenne|effectif total|grand total|recapitulatif|report|a reporter)"
    r"( (general|generale|des|du|de la|par|commune|ecoles?|licences?|classes?|territoire|departement)\b.*)?"
    r"|(nombre|nb|nbre) ?(de|d|total d|total de)? ?(ecole|etablissement|licence|classe|ligne|commune|site)s?( .*)?"
    r"|soit( .*)?"
)
_NOTE = re.compile(
    r"\s*(?:\*|\([0-9*a-z]\)\s|[0-9]\)\s|nb\s*:|n\.b\.|source|sources|note|notes|remarque|attention|légende|legende|"
    r"document|édité|edite|édition|extraction|mise? à jour|màj|maj|fait à|page\s+[0-9]|liste\b|tableau\b|"
    r"année\s+scolaire|rentrée\s+[0-9]|à\s+retourner|merci|contact\s*:|renseignements|cachet|signature|le directeur\b|"
    r"la directrice\b|le maire|pour le maire|l'inspect)",
    re.IGNORECASE,
)  # fmt: skip
_GROUP = re.compile(
    r"(communes?|villes?|mairie|secteurs?|circonscriptions?|circo|cantons?|departements?|dept|zones?|bassins?|quartiers?|"
    r"territoires?|rep|reseaux?|epci|cc|ca|agglomeration|academie|arrondissements?|ecoles?|colleges?|lycees?|"
    r"etablissements?)( (de la|de l|du|des|de|d))? ?(.*)"
)
_COMMUNE_OF = re.compile(r"(communes?|villes?|mairie)( (de la|de l|du|des|de|d))? (.+)")
_KIND_HEADING = re.compile(
    r"(ecoles?|classes?)? ?(maternelles?|elementaires?|primaires?|publiques?|privees?|colleges?|lycees?)"
)
_KIND_WITHIN = re.compile(r"\b(maternelle|elementaire|primaire|prive|privee|public|publique)s?\b")
_COUNTED = re.compile(
    r"\s*[(\[:–-]?\s*[0-9]+\s*(écoles?|ecoles?|établissements?|sites?|licences?)?\s*[)\]]?\s*$", re.IGNORECASE
)
_DIGIT_START = re.compile(r"[0-9]{5} ")


#: How every label of a total begins: most names are told from them without more ado.
_MAY_BE_LABEL = re.compile(
    r"\W*(s[\s./-]*[st]\b|s+[\s./-]*total|sous|total|totaux|ensemble|somme|cumul|moyenne|effectif|grand|r[ée]cap|"
    r"(à\s|a\s)?report|nombre|nbr?e?\b|soit\b)",
    re.IGNORECASE,
)


class Aside(NamedTuple):
    """Why a row is none of the table's, and what it says of the rows below it."""

    reason: str
    #: The commune whose group begins here, as it is written; "" where none does.
    commune: str = ""
    #: Whether a group ends here: what was written for it goes no further.
    ends_group: bool = False


TOTAL = Aside("Ligne de total.", ends_group=True)
#: A sum within a group (« Sous-total maternelles »): the group goes on.
PART = Aside("Ligne de total.")
REPEATED = Aside("En-tête répété.")
NUMBERING = Aside("Ligne qui numérote les colonnes ou en dit l'unité.")
GROUP = Aside("Titre d'un groupe d'écoles.", ends_group=True)
NOTE = Aside("Ligne sans école : une note ou un titre.")
UNNAMED = Aside("Ligne sans école : un total sans doute.")
SUMMED = Aside("Ligne sans école, dont le nombre est la somme de celles du dessus.")


class Asides:
    """Tells the rows of one table that are none of it."""

    def __init__(
        self,
        columns: Mapping[Meaning, int],
        texts: Collection[str],
        communes: frozenset[str],
        sample: Sequence[Row] = (),
    ) -> None:
        self._columns = dict(columns)
        titles = frozenset(map(fold, texts))
        self._titles = titles | {title.casefold() for title in texts}
        self._communes = communes
        self._uai = columns.get(Meaning.UAI)
        self._name = columns.get(Meaning.NAME)
        names = [cells.text_of(self._at(row, self._name)) for row in sample if sum(1 for cell in row if cell != "") > 1]
        #: In the country schools are called as their communes are.
        self._named_as_places = sum(bool(place_of(name, communes)) for name in names) * 2 > len(names)
        self._places = [columns[m] for m in (Meaning.COMMUNE, Meaning.POSTAL_CODE) if m in columns]

    def is_plainly_school(self, row: Row) -> bool:
        """Tell, quickly, whether a row names a school by name and place: most rows of a list without UAI do."""
        name = self._at(row, self._name)
        if type(name) is not str or not name or _MAY_BE_LABEL.match(name) or name.strip().casefold() in self._titles:
            return False
        # « (2) » below a title names nobody.
        return name.upper() != name.lower() and any(str(self._at(row, place)).strip() for place in self._places)

    def names_none(self, row: Row) -> bool:
        """Tell whether a row has neither a UAI nor a name of its own."""
        return not any(str(self._at(row, index)).strip() for index in (self._uai, self._name))

    def find(self, row: Row, *, first: bool) -> Aside | None:
        """Return why a row is none of the table's, None where it is one. `first`: it follows the titles at once.

        Asked of rows whose UAI cell holds no valid UAI.
        """
        coded = cells.text_of(self._at(row, self._uai))
        if len(coded) >= SHORTEST_UAI and _CODE_LIKE.search(coded):
            return None
        filled = [index for index, cell in enumerate(row) if cell != "" and str(cell).strip()]
        texts = {index: cells.text_of(row[index]) for index in filled if isinstance(row[index], str)}
        labels = {index: text for index, text in texts.items() if any(map(str.isalpha, text))}
        found = self._total(labels, filled)
        if found is None and self._is_header(texts, filled):
            found = REPEATED
        if found is None and first and is_numbering(row):
            found = NUMBERING
        # An error of the spreadsheet where a UAI should be is a fault of the row.
        return found if found is not None or coded.startswith("#") else self._poor(row, labels, filled)

    def _poor(self, row: Row, labels: Mapping[int, str], filled: list[int]) -> Aside | None:
        """Judge a row by how little it holds."""
        if not labels:
            # A school may be named by its number, where a column is there for it.
            return None if isinstance(self._at(row, self._name), str) and self._at(row, self._name).strip() else UNNAMED
        if len(filled) == 1:
            return self._alone(filled[0], labels[filled[0]])
        if len(labels) == len(filled) <= 3 and _NOTE.match(next(iter(labels.values()))):  # noqa: PLR2004
            return NOTE  # « Fait à Nîmes, le 12 mars », and who signs
        return None

    def _at(self, row: Row, index: int | None) -> Cell:
        return row[index] if index is not None and index < len(row) else ""

    def _total(self, labels: Mapping[int, str], filled: list[int]) -> Aside | None:
        for index in list(labels)[:MOST_LABELS]:
            said = _label(labels[index])
            if said == "total":
                return PART if _KIND_WITHIN.search(fold(labels[index])) else TOTAL
            if said == "sum" and not self._may_be_school(index, labels, filled):
                return TOTAL
        return None

    def _may_be_school(self, index: int, labels: Mapping[int, str], filled: list[int]) -> bool:
        """Tell whether « Somme » is a département, or « Ensemble » stands beside the name of a school."""
        if index in (self._columns.get(Meaning.DEPARTEMENT), self._columns.get(Meaning.COMMUNE)):
            return True
        return self._name in labels and self._name != index and any(place in filled for place in self._places)

    def _is_header(self, texts: Mapping[int, str], filled: list[int]) -> bool:
        if not self._titles or len(texts) < len(filled):
            return False
        folded = [_folded(text) for text in texts.values()]
        if len(folded) == 1:
            return folded[0] in self._titles and (self._uai is None or self._uai in texts)
        known = [text in self._titles for text in folded]
        said = sum(had or bool(says_plainly(text)) for had, text in zip(known, folded, strict=True))
        return any(known) and said * 5 >= 4 * len(folded)

    def _alone(self, index: int, text: str) -> Aside | None:
        """Judge a row in which one text stands alone."""
        if _NOTE.match(text):
            return NOTE
        # Where schools have no code, a name alone is a school.
        own = index == self._name and self._uai is None
        commune, folded, look = self._group(text), _folded(text), look_of(text)
        if commune and not (own and self._named_as_places):
            return Aside(GROUP.reason, commune=commune, ends_group=True)
        # « ÉCOLES MATERNELLES » is a title; « École maternelle » is what a village calls its school.
        heading = _KIND_HEADING.fullmatch(folded) is not None and not (own and not folded.endswith("s"))
        group = not look & Look.SCHOOL and _GROUP.fullmatch(folded) is not None
        if heading or group:
            return GROUP if group else NOTE
        named = own or (bool(look & Look.SCHOOL) and not look & Look.KIND and self._takes_names(index))
        return None if named else NOTE

    def _takes_names(self, index: int) -> bool:
        return index == self._name or (self._name is None and self._uai is None)

    def _group(self, text: str) -> str:
        """Return the commune whose group a title begins, "" where it names none."""
        bare = _DIGIT_START.sub("", _COUNTED.sub("", text)).strip(" :-–")
        folded = fold(bare)
        said = _COMMUNE_OF.fullmatch(folded)
        place = place_of(bare, self._communes) or (place_of(said[4], self._communes) if said else "")
        if not place:
            # « Commune de X » says so by itself, whether X is known or not.
            return _after(bare, said[4]) if said and not self._communes else ""
        return _after(bare, said[4]) if said and place_of(said[4], self._communes) else bare


@lru_cache(maxsize=8192)
def _label(text: str) -> str:
    if len(text) > LONGEST_LABEL or not _MAY_BE_LABEL.match(text):
        return ""
    folded = fold(text)
    if _TOTAL.fullmatch(folded) or _SHORT_TOTAL.match(text):
        return "total"
    return "sum" if _SUM.fullmatch(folded) else ""


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return fold(text)


def _after(text: str, folded_rest: str) -> str:
    """Return the end of a text that folds to this, as it is written."""
    words = text.split()
    for start in range(len(words)):
        rest = " ".join(words[start:])
        if fold(rest) == folded_rest:
            return rest
        for part in re.split(r"(?<=['’])", rest, maxsplit=1)[1:]:
            if fold(part) == folded_rest:
                return part
    return folded_rest
