"""Table of the list of imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from imports.application_requests import describe_wait
from imports.enums import APPLICABLE, REQUESTED_LABEL, ImportState, Purpose, Verdict
from imports.models import SpreadsheetImport

#: Badge colour of each state, redundant with its label.
STATE_COLOURS = {
    ImportState.UPLOADED: "secondary",
    ImportState.READ: "yellow",
    ImportState.CHECKED: "yellow",
    ImportState.APPLYING: "blue",
    ImportState.APPLIED: "green",
    ImportState.UNDONE: "secondary",
    ImportState.REJECTED: "red",
    ImportState.CANCELLED: "secondary",
}


def describe_result(spreadsheet_import: SpreadsheetImport, counts: Mapping[str, int], unticked: int) -> str:
    """Return a short French summary of the result of an import. `unticked`: rows left out of those applicable."""
    state = ImportState(spreadsheet_import.state)
    if state is ImportState.CHECKED:
        ready = sum(counts.get(verdict, 0) for verdict in APPLICABLE) - unticked
        return formatting.pluralize(ready, "ligne à appliquer", "lignes à appliquer")
    if state is ImportState.APPLIED:
        return _applied(spreadsheet_import)
    if state is ImportState.UNDONE:
        return _undone(spreadsheet_import)
    return spreadsheet_import.refusal if state is ImportState.REJECTED else "–"


def _applied(spreadsheet_import: SpreadsheetImport) -> str:
    outcome = spreadsheet_import.outcome
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        added, updated = outcome.get("added", 0), outcome.get("updated", 0)
        return (
            f"{formatting.pluralize(added, 'école ajoutée', 'écoles ajoutées')}, "
            f"{formatting.pluralize(updated, 'mise à jour', 'mises à jour')}"
        )
    units, mails = outcome.get("units", 0), outcome.get("messages", 0)
    return f"{formatting.pluralize(units, 'licence')}, {formatting.pluralize(mails, 'e-mail')}"


def _undone(spreadsheet_import: SpreadsheetImport) -> str:
    done = spreadsheet_import.outcome.get("undone", {})
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        return formatting.pluralize(done.get("removed", 0), "école retirée", "écoles retirées")
    return formatting.pluralize(done.get("units", 0), "licence revenue au lot", "licences revenues au lot")


class ImportTable(tables.Table):
    """One line per import. Only preparers get links."""

    filename = tables.Column(verbose_name="Fichier", order_by=("filename", "pk"))
    purpose = tables.Column(verbose_name="But", order_by=("purpose", "pk"))
    state = tables.Column(verbose_name="État", order_by=("state", "pk"))
    rows = tables.Column(verbose_name="Lignes", empty_values=(), orderable=False)
    result = tables.Column(verbose_name="Résultat", empty_values=(), orderable=False)
    created_at = tables.DateColumn(verbose_name="Déposé", format="j F Y", order_by=("created_at", "pk"))

    class Meta:
        model = SpreadsheetImport
        fields: ClassVar[list[str]] = []
        sequence: ClassVar = ["filename", "purpose", "state", "rows", "result", "created_at"]
        order_by = ("-created_at",)
        empty_text = "Aucun tableau ne répond à ces choix. Élargissez-les, ou déposez un autre tableau."
        attrs: ClassVar = {"class": "table table-vcenter stacking"}

    caption = "Tableaux déposés"

    def __init__(self, *args: Any, prepares: bool, applies: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepares, self.applies = prepares, applies
        #: Set by the view for the current page: counts by verdict, of unticked rows, and users by id.
        self.counts: dict[int, dict[str, int]] = {}
        self.unticked: dict[int, int] = {}
        self.people: dict[int, User] = {}
        #: The managers who are asked to apply imports.
        self.managers: list[User] = []
        #: What has changed since the application was requested, by import id.
        self.changes: dict[int, str] = {}

    def render_filename(self, record: SpreadsheetImport) -> SafeString | str:
        if not self.prepares:
            return record.filename
        return format_html('<a href="{}">{}</a>', reverse("imports:detail", args=[record.pk]), record.filename)

    def render_purpose(self, record: SpreadsheetImport) -> SafeString | str:
        if record.pool is None:
            return "Périmètre"
        return format_html('Attribution<br><span class="text-secondary">{}</span>', record.pool.name)

    def render_state(self, value: str, record: SpreadsheetImport) -> SafeString:
        state = ImportState(record.state)
        colour, label, details = STATE_COLOURS[state], state.label, ""
        change = self.changes.get(record.pk, "")
        if wait := describe_wait(record, self.managers, change):
            asker = self.people.get(record.requested_by_id or 0)
            if not self.applies:
                colour, label, details = "blue", REQUESTED_LABEL, wait
            elif asker is not None:
                before = formatting.add_nonbreaking_spaces(f", avant un changement : {change}" if change else "")
                details = f"demandé par {asker}{before}"
        return format_html(
            '<span class="badge bg-{}-lt">{}</span>{}',
            colour,
            label,
            format_html('<br><span class="text-secondary">{}</span>', details) if details else "",
        )

    def render_rows(self, record: SpreadsheetImport) -> SafeString | str:
        if record.contents_deleted_at is not None:
            return formatting.number(record.layout.rows)
        counts = self.counts.get(record.pk, {})
        total = formatting.number(sum(counts.values()))
        wrong = counts.get(Verdict.ERROR, 0)
        if not wrong:
            return total
        return format_html(
            '{} <span class="text-secondary">(dont {} en erreur)</span>', total, formatting.number(wrong)
        )

    def render_result(self, record: SpreadsheetImport) -> str:
        return describe_result(record, self.counts.get(record.pk, {}), self.unticked.get(record.pk, 0))

    def render_created_at(self, record: SpreadsheetImport) -> SafeString:
        who = self.people.get(record.created_by_id or 0)
        day = formatting.long_date(date_in_paris(record.created_at))
        return format_html('{}<br><span class="text-secondary">{}</span>', day, who) if who else format_html("{}", day)
