"""Known answers to the problem of a row, one button each: which number, which address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from collectivities.queries import get_contact_emails
from core import formatting
from imports.enums import Purpose, Verdict
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.emails import find_addresses
from imports.pool_answers import PoolAnswers, list_pool_answers
from schools.models import School

#: Problems that an address answers.
_EMAIL_CODES = frozenset(
    {"email_invalid", "multiple_emails", "email_missing", "email_shared", "email_not_in_directory"}
)
#: Addresses of the cell, and numbers, offered for a row at most.
_MAX_CHOICES = 4


class RowChoice(NamedTuple):
    """A button: its label, and the fields that it posts to the row."""

    label: str
    fields: dict[str, str]
    #: Whether this was chosen: it is shown, but no button.
    chosen: bool = False


def load_choices(spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow]) -> dict[int, list[RowChoice]]:
    """Return the choices of these rows, by primary key. Six queries at most, whatever the number of rows."""
    open_rows = [row for row in rows if row.codes and row.verdict != Verdict.IGNORED]
    choices: dict[int, list[RowChoice]] = defaultdict(list)
    pool_answers = list_pool_answers(spreadsheet_import, open_rows)
    for row in open_rows:
        if row.pk in pool_answers:
            choices[row.pk] += _list_pool_choices(row, pool_answers[row.pk])
    _add_duplicate_choices(
        choices, spreadsheet_import, [row for row in open_rows if "conflicting_duplicate" in row.codes]
    )
    for row in open_rows:
        if "units_exceed_classes" in row.codes and row.classes and row.classes < (row.units or 0):
            label = f"donner {formatting.pluralize(row.classes, 'licence')}, une par classe"
            choices[row.pk].append(_correct(label, Meaning.UNITS, str(row.classes)))
    _add_email_choices(choices, [row for row in open_rows if not _EMAIL_CODES.isdisjoint(row.codes)])
    return dict(choices)


def _correct(label: str, meaning: Meaning, value: str) -> RowChoice:
    return RowChoice(label, {"action": "fix", meaning.value: value})


def _list_pool_choices(row: ImportRow, answers: PoolAnswers) -> list[RowChoice]:
    """Return what to give a school that also holds licences of another pool: the rest, or as many again."""
    completed, besides, elsewhere = answers
    rest = (
        "ne rien donner de plus"
        if completed == row.units_before
        else f"donner {formatting.number(completed)}, pour {formatting.number(besides)} en tout"
    )
    again = f"donner {formatting.number(besides)}, pour {formatting.number(besides + elsewhere)} en tout"
    return [
        RowChoice(rest, {"action": "answer"}, chosen=row.ticked and row.units == completed),
        RowChoice(again, {"action": "answer", "besides": "1"}, chosen=row.ticked and row.units == besides),
    ]


def _add_duplicate_choices(
    choices: dict[int, list[RowChoice]], spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow]
) -> None:
    """Add the numbers that the rows of one school state: keeping one sets the other rows aside."""
    if not rows:
        return
    uais = {row.uai for row in rows}
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        for row in rows:
            choices[row.pk].append(RowChoice("garder cette ligne", {"action": "keep"}))
        return
    stated: dict[str, set[int]] = defaultdict(set)
    found = ImportRow.objects.filter(import_id=spreadsheet_import.pk, uai__in=uais, units__gt=0)
    for uai, units in found.exclude(verdict=Verdict.IGNORED).values_list("uai", "units").distinct().order_by():
        stated[uai].add(units or 0)
    for row in rows:
        choices[row.pk] += [
            RowChoice(f"garder {formatting.number(units)}", {"action": "keep", "units": str(units)})
            for units in sorted(stated[row.uai])[:_MAX_CHOICES]
        ]


def _add_email_choices(choices: dict[int, list[RowChoice]], rows: Sequence[ImportRow]) -> None:
    """Add the addresses of the cell, of the portfolio's contact and of the directory."""
    uais = {row.uai for row in rows if row.uai}
    if not uais:
        return
    mailboxes = dict(School.objects.filter(pk__in=uais).exclude(email="").values_list("pk", "email"))
    contacts = get_contact_emails(uais)
    for row in rows:
        choices[row.pk] += _list_email_choices(row, mailboxes, contacts)


def _list_email_choices(row: ImportRow, mailboxes: Mapping[str, str], contacts: Mapping[str, str]) -> list[RowChoice]:
    mailbox, contact = mailboxes.get(row.uai, ""), contacts.get(row.uai, "")
    written = row.edits.get(Meaning.EMAIL) or row.cells.get(Meaning.EMAIL, "")
    labels = {address: f"écrire à {address}" for address in find_addresses(written)[:_MAX_CHOICES]}
    if contact:
        labels[contact] = f"écrire à {contact}, le contact de votre périmètre"
    if mailbox:
        labels[mailbox] = f"écrire à l'adresse officielle, {mailbox}"
    labels.pop(row.email, None)
    return [_correct(label, Meaning.EMAIL, address) for address, label in labels.items()]
