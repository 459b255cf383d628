"""Find the legends of colours, and read what they say: « En rouge : ne participe pas ». Pure.

Only a few ways to write it are understood. A text that says two things about a colour, or waits for an answer, is
unclear: it is shown to the member, and applied to no row.
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from imports.columns import LISTS_SHEET
from imports.formats.sheet_types import CellRow, WorkbookSheet
from imports.parsing.sheet_selection import DetectedSheet
from schools.folding import fold

#: Longer texts are letters.
MAX_LEGEND_LENGTH = 300
#: A label beside a coloured cell is shorter.
MAX_LABEL_LENGTH = 60


class LegendVerdict(Enum):
    """What a legend says of the rows in a colour."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    #: Nothing about who takes part: « en bleu : écoles nouvelles ».
    NEUTRAL = "neutral"


class ColourLayer(Enum):
    """Where a colour is."""

    FILL = "fill"
    FONT = "font"
    ANY = "any"


class ColourStatement(NamedTuple):
    """What a text says of one colour: its French name, "" for one that has none here."""

    colour: str
    layer: ColourLayer
    verdict: LegendVerdict


#: The words for each colour, by the name that `coloured_rows` gives.
_WORDS = {
    "rouge": "rouges?",
    "orange": "oranges?|orangee?s?",
    "jaune": "jaunes?",
    "vert": "vert(?:e|es|s)?",
    "bleu": "bleu(?:e|es|s)?",
    "violet": "violet(?:te|tes|s)?|mauves?",
    "rose": "roses?|fuchsia",
    "gris": "gris(?:e|es|ee|ees)?",
    "": "couleurs?|surlign\\w*|colore(?:e|es|s)?|coloriee?s?|marrons?|beiges?|turquoises?|bordeaux|noirs?",
}
_NAMED = "|".join(words for name, words in _WORDS.items() if name)
_SHADE = r"(?: (?:clair|fonce|pale|vif|fluo|brique)e?s?)?"
_FILL_LEAD = r"fonds?|surlign\w*|colori\w*|color\w*|cases?|cellules?|trames?|remplissage"
_FONT_LEAD = r"textes?|polices?|ecrit\w*|caracteres?|lettres?"
_LEAD = rf"(?:{_FILL_LEAD}|{_FONT_LEAD}|lignes?|couleurs?|marqu\w*|en)"
_LINK = r"(?: (?:en|de|sur|un|le|la|les|sont|est|fond|couleur))*"
#: Colours that stand for the rows that have them. A bare one begins a part of the text: « rouge = refusé ».
_MENTION = re.compile(
    rf"\b(?P<lead>{_LEAD}{_LINK}) (?P<colour>{_NAMED}){_SHADE}\b"
    rf"|(?:^|(?<=[|] )|(?<=legende : )|(?<=legende ))(?P<bare>{_NAMED}){_SHADE}"
    r"(?= :| \|$| (?:refus|accord|non\b|ne )|$)"
    r"|\b(?P<other>surlign\w*|colore(?:e|es|s)?|coloriee?s?|en (?:couleurs?|marron|beige|turquoise|bordeaux|noir))\b"
)
_NAME_OF = {name: re.compile(words) for name, words in _WORDS.items()}
#: What a text must contain to be read at all.
_HINT = re.compile(r"roug|orang|jaun|vert|bleu|viol|mauv|rose|fuchs|gris|coul|color|surlign", re.IGNORECASE)
_LABEL_HINT = re.compile(
    r"refus|rejet|annul|d[ée]clin|sist|abandon|exclu|[ée]cart|renonc|favor|sans|pas|plus|non|supprim|retir|enlev|aucun|"
    r"ferm|ignor",
    re.IGNORECASE,
)

#: « ; », « | » in the normalised text part statements, « : » parts a colour from what is said of it.
_PUNCTUATION = re.compile(r"([;,\n/|•·)]|\.(?=\s|$)|[:=→(]|\s[–—-]+>?\s)")
_PARTING = frozenset(";,\n/|•·.)")
_REPEATED = re.compile(r"[|:](?: [|:])+")
_BLANK = re.compile(r"[\s|:]*(?:(?:ou|et|puis|en|les?|lignes?)\b[\s|:]*)*")

_PENDING = re.compile(
    r"\b((en|d) attente|a (confirmer|verifier|valider|relancer|revoir|voir)|sous reserve|incertain\w*|pas encore|"
    r"en cours|(pas|non|jamais|sans) (de )?(repon\w*|retour)|peut etre|doute\w*|non confirme\w*|"
    r"deja (equip|dote|servi|pourvu|attribu|livre)\w*)\b"
)
_REFUSED = re.compile(
    r"\b(refus(e|ee|es|ees|ant|ent)?|rejet(e|ee|es|ees)?|annul(e|ee|es|ees|ation|ations)|declin(e|ee|es|ees|ent)|"
    r"desist\w*|abandon\w*|exclu(e|s|es)?|ecarte(e|s|es)?|renonc\w*|defavorable\w*|sans suite|"
    r"(ne )?(particip|souhait|veul|veut|desir|benefici|adher)\w* (pas|plus)( y| de| en)?( particip\w*| benefici\w*)?|"
    r"(n est|ne sont|ne seront|n ont|n a|pas|non|ni) (pas |plus |ete )*(retenu|accord|valide|participa|participe\b|"
    r"interess|volontaire|concern|eligible|inscrit|accepte|beneficiaire|souhait|voulu|desir|ok\b)\w*"
    r"( particip\w*| benefici\w*)?|"
    r"(a )?ne (pas|plus) (prendre|tenir|compter|doter|livrer|equiper|commander|attribuer|inclure|importer|servir)\w*|"
    r"a (supprimer|retirer|enlever|exclure|annuler|ignorer|ecarter)|(supprime|retire|enleve)(e|s|es)?|"
    r"(aucune|0|pas de|sans) (licences?|dotation)|hors (dispositif|dotation|projet|perimetre)|"
    r"ferme(e|s|es)|fermetures?)\b"
)
_ACCEPTED = re.compile(
    r"\b(accord(e|ee|es|ees)?|accepte(e|s|es)?|retenu(e|s|es)?|valide(e|s|es)?|particip\w*|favorable\w*|volontaires?|"
    r"confirme(e|s|es)?|inscrit(e|s|es)?|interesse(e|s|es)?|a (equiper|doter|livrer|servir)|beneficiaires?|adher\w*)\b"
)
_EXCEPT = re.compile(r"\b(sauf|hormis|excepte|non refus\w*|pas refus\w*|sans refus|si)\b")
_NO, _YES = re.compile(r"(c est )?(non|no|ko|0)"), re.compile(r"(c est )?(oui|ok)")
#: Refused or accepted may be a part of a school, or what is to be filled in.
_OTHER_SUBJECT = re.compile(
    r"\b(classes?|postes?|eleves?|enseignants?|adresses?|mails?|courriels?|rgpd|colonnes?|champs?|formules?|factures?)\b"
)


def read_legend(text: str) -> list[ColourStatement]:
    """Return what a text says of colours, none where it is no legend."""
    if len(text) > MAX_LEGEND_LENGTH or not _HINT.search(text):
        return []
    normalised = _normalise(text)
    mentions = list(_MENTION.finditer(normalised))
    if not mentions:
        return []
    starts = [mention.end() for mention in mentions]
    ends = [*(mention.start() for mention in mentions[1:]), len(normalised)]
    before = normalised[: mentions[0].start()]
    after = [normalised[start:end] for start, end in zip(starts, ends, strict=True)]
    verdicts = _order_verdicts(before, after)
    return [_build_statement(mention, verdict) for mention, verdict in zip(mentions, verdicts, strict=True)]


def is_refusing_label(text: str) -> bool:
    """Whether a text without a colour's name refuses, as a label of a coloured cell: « Ne participe pas »."""
    if len(text) > MAX_LABEL_LENGTH or not _LABEL_HINT.search(text) or any(map(str.isdecimal, text)):
        return False
    return "total" not in text.lower() and judge(text) is LegendVerdict.REFUSED


def is_colour_alone(text: str) -> bool:
    """Whether a text is the name of a colour and nothing else: « Rouge », « en orange »."""
    return len(text) <= MAX_LABEL_LENGTH and re.fullmatch(rf"(?:en )?(?:{_NAMED}){_SHADE}", fold(text)) is not None


def judge(text: str) -> LegendVerdict:
    """Return what a text says of the schools that it is about."""
    folded = fold(text)
    if _PENDING.search(folded):
        return LegendVerdict.UNCLEAR
    rest, refusals = _REFUSED.subn(" ", folded)
    refuses, accepts = refusals > 0 or _NO.fullmatch(folded), _ACCEPTED.search(rest) or _YES.fullmatch(folded)
    if not refuses and not accepts:
        return LegendVerdict.NEUTRAL
    if (refuses and accepts) or _EXCEPT.search(folded) or (refuses and _OTHER_SUBJECT.search(folded)):
        return LegendVerdict.UNCLEAR
    return LegendVerdict.REFUSED if refuses else LegendVerdict.ACCEPTED


def _normalise(text: str) -> str:
    """Return a text folded, its punctuation as « | » where a statement may end and « : » where it may go on."""
    pieces = [
        fold(piece) if at % 2 == 0 else "|" if piece.strip(" \t") in _PARTING or piece == "\n" else ":"
        for at, piece in enumerate(_PUNCTUATION.split(text))
    ]
    normalised = " ".join(filter(None, pieces))
    return _REPEATED.sub(lambda found: "|" if "|" in found[0] else ":", normalised)


def _order_verdicts(before: str, after: Sequence[str]) -> list[LegendVerdict]:
    """Return the verdict on each colour: what follows it, or what precedes it where nothing follows the last."""
    first, last = judge(before), judge(after[-1])
    if first is LegendVerdict.NEUTRAL or (before.rstrip().endswith((":", "|")) and last is not LegendVerdict.NEUTRAL):
        verdicts: list[LegendVerdict] = []
        following = LegendVerdict.NEUTRAL
        for segment in reversed(after):
            # « En rouge ou en orange : refusé ».
            following = following if _BLANK.fullmatch(segment) else judge(segment)
            verdicts.insert(0, following)
        return verdicts
    if last is LegendVerdict.NEUTRAL:
        verdicts = [first]
        for segment in after[:-1]:
            verdicts.append(verdicts[-1] if _BLANK.fullmatch(segment) else judge(segment))
        return verdicts
    if len(after) == 1 and first is last:
        return [first]
    return [LegendVerdict.UNCLEAR for _ in after]


def _build_statement(mention: re.Match[str], verdict: LegendVerdict) -> ColourStatement:
    word = mention["colour"] or mention["bare"] or ""
    colour = next((name for name, words in _NAME_OF.items() if name and words.fullmatch(word)), "")
    lead = mention["lead"] or mention["other"] or ""
    if re.search(rf"\b(?:{_FONT_LEAD})\b", lead):
        return ColourStatement(colour, ColourLayer.FONT, verdict)
    is_filled = re.search(rf"\b(?:{_FILL_LEAD})\b", lead) is not None
    return ColourStatement(colour, ColourLayer.FILL if is_filled else ColourLayer.ANY, verdict)


# Find the cells that may be a legend of colours while the rows of a sheet are read. Pure.
#
# A legend stands above the titles, beside the table under no title, in a row with little else, or on a sheet of its
# own. A list of 60,000 rows must not pay for it: the cells of schools are not looked at, and of the other rows the
# first and the last ones only.

#: Rows below the titles that are looked at, from the beginning and from the end.
MAX_FIRST_ROWS, MAX_LAST_ROWS = 200, 60
#: Cells kept of the sheets that are not read.
MAX_LEGEND_CELLS = 30
#: Rows of a sheet with a legend and nothing else.
MAX_LEGEND_ROWS = 40
#: A row with at most so many filled cells has little else.
MAX_SPARSE_CELLS = 2
_UAI = re.compile(r"[0-9]{7}[A-Za-z]")


class LegendCell(NamedTuple):
    """A text that may be a legend. Without statements, it refuses what has the colour of the cell or of one beside."""

    sheet: WorkbookSheet
    #: From 1, and from 0.
    row: int
    column: int
    text: str
    statements: Sequence[ColourStatement]
    #: Under a title of the table, in a row with little else; and in a row with nothing else.
    is_inside: bool = False
    is_alone: bool = False
    #: On a sheet that is not read.
    is_elsewhere: bool = False
    #: The empty cells left and right of it.
    blanks: Sequence[int] = ()


class LegendFinder:
    """Collects the cells of one sheet; what it found may be looked at when all rows are read."""

    def __init__(self, detected: DetectedSheet, elsewhere: Iterable[LegendCell] = ()) -> None:
        self.found: list[LegendCell] = list(elsewhere)
        self._sheet, self._header_row = detected.sheet, detected.header_row or 0
        self._width = len(detected.titles)
        self._sparse = max(MAX_SPARSE_CELLS, self._width // 2)
        has_titles = any(title.text for title in detected.titles)
        self._untitled = [at for at, title in enumerate(detected.titles) if has_titles and not title.text]
        self._read_rows = 0
        #: The last of the rows that may hold a legend.
        self._last: deque[tuple[int, CellRow]] = deque(maxlen=MAX_LAST_ROWS)

    def watch(self, rows: Iterable[CellRow]) -> Iterator[CellRow]:
        """Iterate over the rows, and collect on the way."""
        # A full row of a table without blank titles is that of a school.
        only_schools_are_full = self._width > self._sparse and not self._untitled
        for number, row in enumerate(rows, start=1):
            if number <= self._header_row:
                self.found += read_cells(self._sheet, number, row, range(len(row)))
            elif not (only_schools_are_full and len(row) == self._width and all(row)):
                self._choose(number, row)
            yield row
        for number, row in self._last:
            self._read(number, row)

    def _choose(self, number: int, row: CellRow) -> None:
        """Read a row with cells outside the table or little else: the first ones at once, the last ones at the end."""
        may_have_more = bool(self._untitled) or len(row) > self._width
        has_more = may_have_more and any(row[at] != "" for at in self._list_outside(row))
        if not has_more and not 0 < len(row) - row.count("") <= self._sparse:
            return
        if self._read_rows < MAX_FIRST_ROWS:
            self._read_rows += 1
            self._read(number, row)
        else:
            self._last.append((number, row))

    def _read(self, number: int, row: CellRow) -> None:
        outside = self._list_outside(row)
        filled = len(row) - row.count("")
        columns = range(len(row)) if filled <= self._sparse else outside
        self.found += [
            cell._replace(is_inside=cell.column not in outside, is_alone=filled == 1)
            for cell in read_cells(self._sheet, number, row, columns)
        ]

    def _list_outside(self, row: CellRow) -> list[int]:
        """Return the columns of a row that have no title."""
        return [*(at for at in self._untitled if at < len(row)), *range(self._width, len(row))]


def find_legends_elsewhere(sheets: Iterable[WorkbookSheet], lists: Collection[str]) -> list[LegendCell]:
    """Return the cells of the sheets that are none of the `lists`, by name, and too short to be one."""
    found: list[LegendCell] = []
    for sheet in sheets:
        if sheet.name in lists or sheet.name == LISTS_SHEET or sheet.height > MAX_LEGEND_ROWS:
            continue
        rows = list(islice(sheet.rows(), MAX_LEGEND_ROWS))
        if any(isinstance(cell, str) and _UAI.fullmatch(cell.strip()) for row in rows for cell in row):
            continue
        for number, row in enumerate(rows, start=1):
            found += read_cells(sheet, number, row, range(len(row)))
    return [cell._replace(is_elsewhere=True) for cell in found[:MAX_LEGEND_CELLS]]


def read_cells(sheet: WorkbookSheet, number: int, row: CellRow, columns: Iterable[int]) -> Iterator[LegendCell]:
    """Iterate over the cells of a row, in these columns, that may be a legend."""
    for column in columns:
        cell = row[column]
        if type(cell) is not str or not cell or len(cell) > MAX_LEGEND_LENGTH:
            continue
        text = " ".join(cell.split())
        statements = read_legend(cell)
        after = row[column + 1] if column + 1 < len(row) else ""
        if statements and isinstance(after, str) and after and is_colour_alone(text):
            # « Rouge » and, in the next cell, « Ne participe pas ».
            text = f"{text} : {' '.join(after.split())}"
            statements = read_legend(text)
        if statements or is_refusing_label(text):
            beside = [at for at in (column - 1, column + 1) if at >= 0 and (at >= len(row) or row[at] == "")]
            yield LegendCell(sheet, number, column, text, statements, blanks=beside)
