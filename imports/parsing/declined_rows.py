"""Rows that the file sets apart: hidden, struck through, refused, in doubt, in a colour, or without a cross. Pure.

They stay in the table, unticked, each with its reason: a filter may have been left on, and a cross forgotten.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from textwrap import shorten
from typing import NamedTuple

from core import formatting
from imports.cells import cell_to_text
from imports.columns import Meaning
from imports.formats.sheet_types import CellRow, CellValue
from imports.parsing.coloured_rows import apply_legends
from imports.parsing.column_mapping import column_letters
from imports.parsing.rows import ParsedRow
from imports.parsing.sheet_selection import DetectedSheet
from imports.parsing.stacked_tables import ReadTable
from imports.problems import RowNote
from schools.folding import fold

#: Code of the notes of such rows.
DECLINED = "declined"
#: Answers are short: longer texts are remarks.
MAX_ANSWER_LENGTH = 40
#: In a column without a title, crosses are answers only if this share of the rows has one.
MIN_UNTITLED_SHARE = 0.2
MIN_CROSSES = 2

#: Whole cells that refuse, whatever the column.
_REFUSAL = re.compile(
    r"(refus(e|ee|es|ees)?|rejet(e|ee|es|ees)?|annul(e|ee|es|ees|ation)|declin(e|ee)|desiste(e|ment)?|abandon(ne|nee)?"
    r"|(avis )?defavorable|ecarte(e)?|exclu(e)?|renonce"
    r"|non (retenu|accorde|valide|participant|interesse|volontaire)(e|es|ees|s)?"
    r"|(l ecole )?ne (participe|souhaite|veut|desire) (pas|plus)( participer)?"
    r"|pas (interesse|retenu|accorde|volontaire)(e|es|ees|s)?)"
)
#: Titles of columns that say who takes part.
_PARTICIPATION = re.compile(
    r"\b(particip\w*|inscrit\w*|inscription|engage|engagement|volontaire\w*|accord|accorde\w*|avis|decision|retenu\w*|"
    r"valide\w*|validation|confirme\w*|confirmation|interesse\w*|adhere|adhesion|beneficie|reponse|selection\w*|ok|"
    r"oui non|oui|choix|a equiper|a doter|a livrer)\b"
)
#: Titles about something else that is accepted or refused.
_OTHER_SUBJECT = re.compile(
    r"\b(rgpd|donnees|image|images|photo|photos|newsletter|charte|restauration|cantine|rep|ulis|fibre)\b"
)
#: Titles under which a cross refuses.
_NEGATIVE = re.compile(
    r"\b(ne (participe(nt)?|souhaite(nt)?|veut|veulent) pas|non participant\w*|refus\w*|annul\w*|exclu\w*|desist\w*"
    r"|abandon\w*)\b"
)
#: Names of sheets, beside others, that list the schools which are not to be given anything.
_REFUSED_SHEET = re.compile(
    rf"{_NEGATIVE.pattern}|\b(rejet\w*|defavorable\w*|ecarte\w*|renonce\w*"
    r"|non (retenu|accorde|valide|interesse|volontaire|servi)\w*|(en|d) attente)\b"
)
#: Answers, and marks by their first character. A cross ticks, unless check marks stand in the same column.
_YES = frozenset({"oui", "o", "ok", "1", "vrai", "true", "yes", "y"})
_NO = frozenset({"non", "n", "no", "0", "faux", "false"})
_CROSSES = frozenset({"x", "xx", "xxx"})
#: Beginnings of answers. What agrees without ticking says nothing about the empty cells beside it.
_YES_START, _NO_START = re.compile(r"(oui|ok|d accord)\b"), re.compile(r"(non|pas)\b")
_AGREED_START = re.compile(
    r"((avis )?(tres )?(favorable|positif)|(accord|accept|valid|confirm|interess|engag|selectionn)e(e|es|s)?|retenue?s?"
    r"|inscrite?s?|participe|participante?s?|volontaires?|adherente?s?|beneficiaires?)\b"
)
#: Words that turn such a beginning round.
_NEGATED = re.compile(r"\b(ne|non|pas|plus|mais|refus\w*)\b")
#: Words that leave an answer open, even after « oui ».
_DOUBT = re.compile(
    r"\b(reserves?|conditions?|attente|peut etre|eventuel\w*|provisoire\w*|incertain\w*|indecis\w*|hesit\w*|nsp"
    r"|sais? pas"
    r"|(a|reste a|restent a) (confirmer|voir|verifier|valider|preciser|definir|etudier|relancer|rappeler|recontacter)"
    r"|(sans|pas de) (reponse|retour|nouvelles?)|en (cours|suspens))\b"
)
_MARKS = dict.fromkeys("×✕✖✗✘☒❌", "cross") | dict.fromkeys("✓✔☑✅", "check") | dict.fromkeys("☐□◻⬜", "no")


#: In the notes of the rows: the column that says no, the sheet of refusals.
_COLUMN_REASON = re.compile(r": la colonne (.+?) (?:dit|est vide)")
_SHEET_REASON = re.compile(r": elle est dans la feuille (« .+ »)")
_COLOUR_REASON = re.compile(r": elle (?:est (en [a-z]+), et le fichier dit|a (la couleur de « .+ ») dans le fichier)")


class _Answer(NamedTuple):
    """What a cell answers, and its text.

    `kind`: « yes », « check », « cross », « agreed », « no », « refusal », « doubt », « blank », « number », « other ».
    """

    kind: str
    text: str


class _DecidingColumn(NamedTuple):
    """A column whose cells tell that a row is declined: its name in sentences, and the answers that decline."""

    position: int
    name: str
    declining: frozenset[str]

    def describe(self, row: CellRow) -> str:
        """Return what the cell says against the row, "" where nothing."""
        answer = _read_answer(row, self.position)
        if answer.kind not in self.declining:
            return ""
        text = shorten(answer.text, MAX_ANSWER_LENGTH, placeholder="…")
        return f"la colonne {self.name} " + (f"dit « {text} »" if text else "est vide")


class DeclinedRows(NamedTuple):
    """What the file sets apart."""

    #: The notes of the rows that mean no, by sheet and by row number.
    notes: dict[int, dict[int, RowNote]]
    #: The rows that are a legend of colours, by sheet.
    legends: dict[int, set[int]]
    #: French sentences about legends of colours that are not applied.
    remarks: list[str]


def list_declined_rows(tables: Sequence[ReadTable]) -> DeclinedRows:
    """Return the rows that mean no. `tables`: in the order of each sheet."""
    applied = apply_legends(tables)
    notes: dict[int, dict[int, RowNote]] = {}
    refused = _find_refused_sheets(tables)
    for table in tables:
        index, first = table.detected.index, table.detected.header_row or 0
        above = {number: note for number, note in notes.get(index, {}).items() if number < first}
        in_colour, legends = applied.reasons.get(index, {}), applied.cells.get(index, set())
        below = _find_declined_rows(table.detected, table.columns, in_colour, legends)
        if index in refused:
            note = _note(f"elle est dans la feuille « {table.detected.sheet.name} »")
            below = {row.number: note for row in table.body.rows} | below
        notes[index] = above | below
    rows = {index: {row for row, _ in cells} for index, cells in applied.inside.items()}
    return DeclinedRows(notes, rows, applied.remarks)


def _find_refused_sheets(tables: Sequence[ReadTable]) -> set[int]:
    """Return the indexes of the sheets whose names say no, where other sheets are read as well."""
    names = {table.detected.index: fold(table.detected.sheet.name) for table in tables}
    refused = {index for index, name in names.items() if _REFUSED_SHEET.search(name)}
    return refused if refused != names.keys() else set()


def _find_declined_rows(
    detected: DetectedSheet,
    columns: Mapping[Meaning, int],
    in_colour: Mapping[int, str],
    legends: Collection[tuple[int, int]],
) -> dict[int, RowNote]:
    """Return the notes of the rows below the header that mean no, by row number.

    `columns`: those with a meaning. `in_colour`: why rows are refused by their colour. `legends`: cells that are no
    answers.
    """
    reasons = {number: reason for number, reason in in_colour.items() if number > (detected.header_row or 0)}
    for number in _find_struck_rows(detected, columns):
        reasons[number] = "elle est barrée dans le fichier"
    # « Votre école participe-t-elle ? » may be taken for a column of names.
    taken = frozenset(index for meaning, index in columns.items() if meaning.column.is_critical)
    deciding = _find_deciding_columns(detected, taken)
    if deciding:
        for number, row in enumerate(detected.sheet.rows(), start=1):
            if number > (detected.header_row or 0) and number not in reasons:
                answers = (one.describe(row) for one in deciding if (number, one.position) not in legends)
                reason = next(filter(None, answers), "")
                if reason:
                    reasons[number] = reason
    for number in detected.sheet.hidden_rows:
        if number > (detected.header_row or 0):
            reasons.setdefault(number, "elle est masquée dans le fichier, par un filtre sans doute")
    return {number: _note(reason) for number, reason in reasons.items()}


def _note(reason: str) -> RowNote:
    return RowNote("", DECLINED, f"Le fichier semble écarter cette ligne : {reason}. Cochez-la si elle compte.")


def describe_declined(rows: Iterable[ParsedRow]) -> str:
    """Return the French remark about the declined rows of a table, "" where there are none.

    It stays true when a member ticks them.
    """
    sentences = Counter(note.message for row in rows for note in row.notes if note.code == DECLINED)
    count = sentences.total()
    reasons = summarize_reasons(sentences.most_common())
    if count > 1:
        return f"Le fichier semble écarter {count} lignes ({reasons}). Elles ne sont pas cochées d'office."
    return f"Le fichier semble écarter une ligne ({reasons}). Elle n'est pas cochée d'office." if count else ""


def summarize_reasons(sentences: Iterable[tuple[str, int]]) -> str:
    """Return « 3 barrées, 2 masquées » from the number of rows by the sentence of their note."""
    counts: Counter[tuple[str, str]] = Counter()
    for sentence, rows in sentences:
        column = _COLUMN_REASON.search(sentence)
        sheet = _SHEET_REASON.search(sentence)
        colour = _COLOUR_REASON.search(sentence)
        if column or sheet or colour:
            where = f"par la colonne {column[1]}" if column else f"dans la feuille {sheet[1]}" if sheet else ""
            if colour and not where:
                where = colour[1] or f"de {colour[2]}"
            counts[where, where] += rows
        elif "barrée" in sentence:
            counts["barrée", "barrées"] += rows
        elif "masquée" in sentence:
            counts["masquée", "masquées"] += rows
    return ", ".join(formatting.pluralize(rows, *words) for words, rows in counts.items())


def _find_struck_rows(detected: DetectedSheet, columns: Mapping[Meaning, int]) -> set[int]:
    """Return the rows whose school or number is struck through."""
    if not detected.sheet.struck:
        return set()
    telling = {columns.get(meaning) for meaning in (Meaning.UAI, Meaning.NAME, Meaning.UNITS)}
    return {number for number, index in detected.sheet.struck if index in telling}


def _find_deciding_columns(detected: DetectedSheet, taken: frozenset[int]) -> list[_DecidingColumn]:
    # Headings and notes have one cell.
    sample = [row for row in detected.sample if sum(1 for cell in row if cell not in ("", False)) > 1]
    found = []
    for index, title in enumerate(detected.titles):
        if index not in taken:
            counts = Counter(_read_answer(row, index).kind for row in sample)
            declining = _find_declining_answers(fold(title.text), counts)
            if declining:
                name = f"« {title.text.strip()} »" if title.text.strip() else column_letters(index)
                found.append(_DecidingColumn(index, name, declining))
    return found


def _find_declining_answers(title: str, counts: Counter[str]) -> frozenset[str]:
    """Return the answers that decline a row in a column, none where it decides nothing. `title`: folded."""
    refusals = frozenset({"refusal"} if counts["refusal"] else ())
    crosses_refuse = counts["check"] > 0
    ticks = counts["yes"] + counts["check"] + (0 if crosses_refuse else counts["cross"])
    if _NEGATIVE.search(title):
        return refusals | {"yes", "check", "cross", "doubt"}
    if not title:
        # Crosses under no title, and nothing else.
        rows = counts.total()
        alone = ticks + counts["blank"] == rows > ticks >= max(MIN_CROSSES, MIN_UNTITLED_SHARE * rows)
        return refusals | ({"blank"} if alone else set())
    if not _PARTICIPATION.search(title) or _OTHER_SUBJECT.search(title):
        return refusals
    unread = counts["other"] + counts["number"]
    if unread > counts.total() - counts["blank"] - unread:
        return frozenset({"refusal"})
    declining = {"refusal", "no", "doubt"} | ({"cross"} if crosses_refuse else set())
    # An empty cell beside sentences is no answer; numbers may count what takes part.
    if ticks and not unread:
        declining.add("blank")
    if not counts["number"]:
        declining.add("other")
    return frozenset(declining)


def _read_answer(row: CellRow, index: int) -> _Answer:
    cell: CellValue = row[index] if index < len(row) else ""
    if isinstance(cell, bool):
        return _Answer("yes" if cell else "no", "VRAI" if cell else "FAUX")
    text = cell_to_text(cell)
    if not text:
        return _Answer("blank", text)
    if text[0] in _MARKS and len(text) <= MAX_ANSWER_LENGTH:
        return _Answer(_MARKS[text[0]], text)
    return _Answer(_classify(fold(text)), text)


def _classify(folded: str) -> str:
    """Return the kind of an answer in words."""
    for kind, words in (("yes", _YES), ("no", _NO), ("cross", _CROSSES)):
        if folded in words:
            return kind
    if folded.replace(" ", "").isdecimal():
        return "number"
    if _REFUSAL.fullmatch(folded) and len(folded) <= MAX_ANSWER_LENGTH:
        return "refusal"
    if _DOUBT.search(folded):
        return "doubt"
    starts = (("no", _NO_START),) if _NEGATED.search(folded) else (("yes", _YES_START), ("agreed", _AGREED_START))
    return next((kind for kind, start in starts if start.match(folded)), "other")
