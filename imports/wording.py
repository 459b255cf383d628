"""French wording of rows and of how they were read: match method, portfolio changes, numbers, time left. Pure."""

from typing import NamedTuple

from core import formatting
from imports.cells import parse_quantity
from imports.columns import EDITABLE_COLUMNS, PORTFOLIO_FIELDS, Meaning
from imports.enums import Purpose, RowMatchMethod, Verdict, Volume
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing import repeated_schools, row_decisions
from schools.recognition import SURE

#: Tabs of « Vérification » by verdict, in display order.
TABS = {
    Verdict.NEW: "Nouvelles",
    Verdict.CHANGED: "Modifiées",
    Verdict.CONFLICT: "Conflits",
    Verdict.ERROR: "Erreurs",
    Verdict.UNCHANGED: "Inchangées",
    Verdict.IGNORED: "Ignorées",
}
#: Codes shown elsewhere in the row: portfolio changes and match method.
SHOWN_SEPARATELY = frozenset({"changes", "matched_by_name", "repaired"})


def describe_match(row: ImportRow) -> str:
    """Return the match method and confidence of a row in words, "" if matched by its UAI."""
    if not row.uai or row.match_method in ("", RowMatchMethod.UAI):
        return ""
    if row.match_method == RowMatchMethod.CHOSEN:
        return "choisie par vous"
    # Below: a row of an import that was read before such a school was only proposed.
    sure = "sans aucun doute" if (row.confidence or 0.0) >= SURE else "probablement"
    return f"trouvée {RowMatchMethod(row.match_method).label}, {sure}"


#: What the answers about rows did, by code of the question and by answer.
_DONE = {
    repeated_schools.QUESTION: {
        repeated_schools.SUM: "Les nombres des lignes d'une même école sont additionnés.",
        repeated_schools.COUNT: "Une licence par ligne de chaque école.",
        repeated_schools.KEEP: "Une seule ligne par école est gardée.",
    },
    row_decisions.QUESTION: {
        row_decisions.ELEMENTARY: "Un nombre commun à plusieurs écoles va à l'élémentaire ou à la primaire.",
        row_decisions.EACH: "Un nombre commun à plusieurs écoles va en entier à chacune.",
        row_decisions.BY_ROW: "Un nombre commun à plusieurs écoles est à indiquer ligne par ligne.",
    },
}


def describe_numbers(spreadsheet_import: SpreadsheetImport) -> list[str]:
    """Return sentences on where the numbers of licences come from, and on what the answers about rows did to them."""
    layout = spreadsheet_import.layout
    answers = {question.code: question.answer for question in layout.answered}
    done = [_DONE[code][answer] for code, answer in answers.items() if answer in _DONE.get(code, ())]
    repeated = answers.get(repeated_schools.QUESTION)
    if repeated == repeated_schools.COUNT:
        # Neither the column nor the number for all counts then.
        return done
    units = formatting.pluralize(spreadsheet_import.units_for_all or 0, "licence")
    volumes = {
        Volume.ALL: f"{units} pour {'chaque ligne' if repeated == repeated_schools.SUM else 'chacune'}.",
        Volume.CLASSES: "Une licence par classe.",
        Volume.PORTFOLIO: "Une licence par classe de votre périmètre.",
    }
    return [*([volumes[layout.volume]] if layout.volume in volumes else []), *done]


#: Columns that an import of schools alone stores.
_PORTFOLIO_COLUMNS = [
    meaning for meaning in EDITABLE_COLUMNS[Purpose.PORTFOLIO] if meaning not in EDITABLE_COLUMNS[Purpose.ALLOCATION]
]


def describe_unstored_columns(spreadsheet_import: SpreadsheetImport) -> str:
    """Return which columns an import of licences reads and does not store, "" where there are none."""
    layout = spreadsheet_import.layout
    columns = [meaning for meaning in _PORTFOLIO_COLUMNS if meaning in layout.columns]
    if spreadsheet_import.purpose != Purpose.ALLOCATION or not columns:
        return ""
    use = "compter" if layout.volume == Volume.CLASSES else "vérifier"
    uses = {Meaning.CLASSES: f" (lu pour {use} les licences)"}
    listed = formatting.join_words([f"« {meaning.label} »{uses.get(meaning, '')}" for meaning in columns])
    several = len(columns) > 1
    return formatting.add_nonbreaking_spaces(
        f"Non enregistré{'s' if several else ''} par cet import : {listed} ; un import d'écoles "
        f"{'les ' if several else 'l’'}enregistre."
    )


def describe_original(row: ImportRow) -> str:
    """Return the school as written in the file, "" if it was matched by its UAI."""
    if not row.uai or row.match_method in ("", RowMatchMethod.UAI):
        return ""
    names = [row.cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if row.cells.get(meaning)]
    written: str = row.cells.get(Meaning.UAI, "")
    return written if row.match_method == RowMatchMethod.REPAIRED or not names else " – ".join(names)


def describe_replaced_number(row: ImportRow, spreadsheet_import: SpreadsheetImport) -> str:
    """Return the sentence about the number of licences that a correction replaces, "" where none does."""
    if Meaning.UNITS not in row.edits:
        return ""
    combined = next((note["units"] for note in row.notes if note["column"] == Meaning.UNITS), None)
    written = row.cells.get(Meaning.UNITS) or row.cells.get(Meaning.CLASSES, "")
    if others := [problem["added"] for problem in row.problems if "added" in problem]:
        own = combined if combined is not None else spreadsheet_import.units_for_all
        own = parse_quantity(written) if own is None else own
        combined = sum(others) + (own if isinstance(own, int) else 0)
    if combined is not None:
        sentence = f"Les lignes du fichier donnent {formatting.number(combined)}."
    elif spreadsheet_import.units_for_all is not None:
        sentence = f"Le nombre pour toutes les écoles est {formatting.number(spreadsheet_import.units_for_all)}."
    elif written:
        sentence = f"Le fichier dit « {written} »."
    else:
        sentence = "Le fichier ne dit pas ce nombre."
    return formatting.add_nonbreaking_spaces(sentence)


def describe_time_left(seconds: int) -> str:
    """Return the rounded time left, as « encore 20 secondes environ »."""
    if seconds < 5:  # noqa: PLR2004
        return "c'est presque fini"
    if seconds < 55:  # noqa: PLR2004
        tens = max(5, round(seconds / 5) * 5) if seconds < 20 else round(seconds / 10) * 10  # noqa: PLR2004
        return f"encore {formatting.pluralize(tens, 'seconde')} environ"
    return f"encore {formatting.pluralize(max(1, round(seconds / 60)), 'minute')} environ"


class PortfolioChange(NamedTuple):
    """One portfolio field that changes; `before` is "" if it was empty."""

    label: str
    before: str
    after: str


def list_changes(row: ImportRow) -> list[PortfolioChange]:
    """Return the portfolio fields that a row changes. Empty cells change nothing."""
    before = row.before or {}
    changed = []
    for meaning, field in PORTFOLIO_FIELDS.items():
        values = before.get(field.name), getattr(row, meaning)
        previous, after = ("" if value is None else str(value) for value in values)
        if after and after != previous:
            changed.append(PortfolioChange(field.label, previous, after))
    return changed
