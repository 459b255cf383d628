"""Workbooks with the list of imports and the report of one import. They contain no key."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.calendar import PARIS
from core.spreadsheets import WorksheetContent, build_workbook
from imports.columns import Meaning
from imports.enums import ConflictResolution, ImportState, Purpose, RowEffect, RowMatchMethod, Verdict, Volume
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.column_mapping import column_letters

_LIST_COLUMNS = {
    "N°": 8, "Fichier": 40, "But": 26, "Lot": 28, "État": 20, "Lignes": 9, "En erreur": 9, "En conflit": 9,
    "Licences attribuées": 12, "E-mails": 9, "Écoles ajoutées au périmètre": 12, "Écoles mises à jour": 12,
    "Déposé le": 17, "Déposé par": 26, "Appliqué le": 17, "Appliqué par": 26, "Défait le": 17, "Défait par": 26,
    "Motif du refus": 60,
}  # fmt: skip
_ROW_COLUMNS = {
    "UAI trouvé": 12, "Établissement": 44, "Trouvé": 20, "Confiance": 11, "Licences": 10, "Licences avant": 10,
    "Adresse écrite": 36, "Verdict": 12, "Problèmes": 70, "Décision": 28, "Cochée": 9, "Fait": 30,
}  # fmt: skip
#: What applying a row would do.
_PLANS = {
    RowEffect.CREATED: "attribuer", RowEffect.GROWN: "augmenter", RowEffect.REDUCED: "réduire",
    RowEffect.REVOKED: "reprendre la clé", RowEffect.ADDED: "ajouter au périmètre", RowEffect.UPDATED: "mettre à jour",
}  # fmt: skip


def format_moment(at: datetime.datetime | None) -> str:
    """Return a time in Paris as sortable text, "" for None."""
    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M}" if at else ""


def build_import_list(
    spreadsheet_imports: Iterable[SpreadsheetImport], counts: Mapping[int, Mapping[str, int]], people: Mapping[int, str]
) -> bytes:
    """Return the list as a workbook. `counts`: rows by verdict, by import id; `people`: names by user id."""

    def rows() -> Iterator[list[Any]]:
        for spreadsheet_import in spreadsheet_imports:
            found, outcome = counts.get(spreadsheet_import.pk, {}), spreadsheet_import.outcome
            yield [
                spreadsheet_import.pk,
                spreadsheet_import.filename,
                Purpose(spreadsheet_import.purpose).label,
                spreadsheet_import.pool.name if spreadsheet_import.pool else "",
                spreadsheet_import.get_state_display(),
                sum(found.values()),
                found.get(Verdict.ERROR, 0),
                found.get(Verdict.CONFLICT, 0),
                outcome.get("units"),
                outcome.get("messages"),
                outcome.get("added"),
                outcome.get("updated"),
                format_moment(spreadsheet_import.created_at),
                people.get(spreadsheet_import.created_by_id or 0, ""),
                format_moment(spreadsheet_import.applied_at),
                people.get(spreadsheet_import.applied_by_id or 0, "") if spreadsheet_import.applied_at else "",
                format_moment(spreadsheet_import.undone_at),
                people.get(spreadsheet_import.undone_by_id or 0, ""),
                spreadsheet_import.refusal,
            ]

    return build_workbook(WorksheetContent("Imports", list(_LIST_COLUMNS), list(_LIST_COLUMNS.values()), rows()))


def build_import_report(
    spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow], people: Mapping[int, str], corrects: str = ""
) -> bytes:
    """Return the report of an import as a workbook. `corrects`: name of the file it corrects."""
    layout = spreadsheet_import.layout
    meanings = sorted(layout.columns, key=lambda meaning: layout.columns[meaning])
    titles = ["Feuille", "Ligne", *(meaning.label for meaning in meanings), "Corrections", *_ROW_COLUMNS]
    widths = [16, 8, *[22] * len(meanings), 30, *_ROW_COLUMNS.values()]
    describe_effect = _effect_describer(spreadsheet_import)
    return build_workbook(
        WorksheetContent(
            "Lignes",
            titles,
            widths,
            ([*_row(row, meanings, layout.sheets), describe_effect(row)] for row in rows),
        ),
        WorksheetContent("Import", ["", ""], [34, 80], _import_details(spreadsheet_import, people, corrects)),
    )


def _row(row: ImportRow, meanings: Sequence[Meaning], names: Sequence[str]) -> list[Any]:
    return [
        names[row.sheet] if row.sheet < len(names) else "",
        row.number,
        *(row.cells.get(meaning, "") for meaning in meanings),
        " ; ".join(f"{Meaning(meaning).label} : {text or 'vidé'}" for meaning, text in row.edits.items()),
        row.uai,
        row.label,
        RowMatchMethod(row.match_method).label if row.match_method else "",
        row.confidence,
        row.units,
        row.units_before,
        row.recipient,
        Verdict(row.verdict).label,
        "\n".join(problem["message"] for problem in row.problems),
        _decision(row),
        "oui" if row.ticked else "non",
    ]


def _effect_describer(spreadsheet_import: SpreadsheetImport) -> Callable[[ImportRow], str]:
    """Return what tells the effect of a row so far: planned, made, undone or left by undoing; "" for none."""
    state = ImportState(spreadsheet_import.state)
    kept = {(one["sheet"], one["number"]) for one in spreadsheet_import.outcome.get("undone", {}).get("kept", ())}

    def describe(row: ImportRow) -> str:
        if not row.done:
            return ""
        effect = RowEffect(row.done)
        match state:
            case ImportState.CHECKED | ImportState.APPLYING:
                return f"À faire : {_PLANS[effect]}"
            case ImportState.APPLIED:
                return effect.label
            case ImportState.UNDONE:
                outcome = "laissée telle quelle" if (row.sheet, row.number) in kept else "défaite"
                return f"{effect.label}, puis {outcome}"
            case _:
                return ""

    return describe


def _decision(row: ImportRow) -> str:
    if row.awaited:
        return "En attente de l'annuaire"
    if row.set_aside:
        return "Mise de côté"
    return ConflictResolution(row.conflict_resolution).label if row.conflict_resolution else ""


def _import_details(
    spreadsheet_import: SpreadsheetImport, people: Mapping[int, str], corrects: str
) -> Iterator[list[Any]]:
    layout, nobody = spreadsheet_import.layout, "la ligne de commande"
    yield ["Fichier", spreadsheet_import.filename]
    yield ["Empreinte (SHA-256)", spreadsheet_import.sha256]
    yield ["But", Purpose(spreadsheet_import.purpose).label]
    yield ["Lot", spreadsheet_import.pool.name if spreadsheet_import.pool else ""]
    yield ["État", spreadsheet_import.get_state_display()]
    yield ["Corrige", corrects]
    acts = {
        "Déposé": (spreadsheet_import.created_at, spreadsheet_import.created_by_id),
        "Appliqué": (spreadsheet_import.applied_at, spreadsheet_import.applied_by_id),
        "Défait": (spreadsheet_import.undone_at, spreadsheet_import.undone_by_id),
    }
    for name, (at, by_id) in acts.items():
        if at:
            yield [name, f"{format_moment(at)}, par {people.get(by_id or 0, nobody)}"]
    if spreadsheet_import.send_on:
        yield ["E-mails à partir du", spreadsheet_import.send_on]
    yield ["Refus", spreadsheet_import.refusal]
    for name, value in spreadsheet_import.outcome.items():
        if name in _OUTCOME_LABELS:
            yield [_OUTCOME_LABELS[name], value]
    for region in layout.regions:
        header = f"titres en ligne {region.header_row}" if region.header_row else "sans titres"
        yield ["Feuille lue", f"{layout.sheets[region.sheet] or 'le fichier'} ({header})"]
    if layout.volume:
        for_all = f" : {spreadsheet_import.units_for_all}" if layout.volume == Volume.ALL else ""
        yield ["Nombre de licences", f"{layout.volume.label}{for_all}"]
    for meaning, index in layout.columns.items():
        title = layout.titles[index] if index < len(layout.titles) else ""
        yield [f"Colonne : {meaning.label}", f"{column_letters(index)} – {title or 'sans titre'}"]
    for remark in layout.remarks:
        yield ["Remarque", remark]


_OUTCOME_LABELS = {
    "allocations": "Nouvelles attributions", "grown": "Attributions augmentées", "reduced": "Attributions réduites",
    "revoked": "Clés reprises", "units": "Licences attribuées", "returned": "Licences revenues au lot",
    "messages": "E-mails", "added": "Écoles ajoutées au périmètre", "updated": "Écoles mises à jour",
}  # fmt: skip
