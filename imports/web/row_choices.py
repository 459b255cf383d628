"""Known answers to the problem of a row, one button each: which number, which address."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from collectivities.queries import get_contact_emails
from core import formatting
from imports.checks.unit_checks import get_complement
from imports.enums import Purpose, Verdict
from imports.meanings import Meaning
from imports.models import ImportRow
from imports.parsing.emails import is_email_address
from licensing.pools.queries import list_holdings, list_sibling_pools
from schools.models import School

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from imports.models import SpreadsheetImport
    from licensing.pools.queries import PoolHolding

#: Problems that an address answers.
_EMAIL_CODES = frozenset(
    {"email_invalid", "multiple_emails", "email_missing", "email_shared", "email_not_in_directory"}
)
#: Addresses and numbers offered for a row at most.
_MAX_CHOICES = 4
_BETWEEN_ADDRESSES = re.compile(r"[\s,;/|<>]+")


class RowChoice(NamedTuple):
    """A button: its label, and the fields that it posts to the row."""

    label: str
    fields: dict[str, str]


def load_choices(spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow]) -> dict[int, list[RowChoice]]:
    """Return the choices of these rows, by primary key. Four queries at most, whatever the number of rows."""
    open_rows = [row for row in rows if row.codes and row.verdict != Verdict.IGNORED]
    choices: dict[int, list[RowChoice]] = defaultdict(list)
    _add_pool_choices(choices, spreadsheet_import, [row for row in open_rows if "other_pool" in row.codes])
    _add_duplicate_choices(
        choices, spreadsheet_import, [row for row in open_rows if "conflicting_duplicate" in row.codes]
    )
    for row in open_rows:
        if "units_exceed_classes" in row.codes and row.classes:
            label = f"donner {formatting.pluralize(row.classes, 'licence')}, une par classe"
            choices[row.pk].append(_correct(label, Meaning.UNITS, str(row.classes)))
    _add_email_choices(choices, [row for row in open_rows if not _EMAIL_CODES.isdisjoint(row.codes)])
    return dict(choices)


def _correct(label: str, meaning: Meaning, value: str) -> RowChoice:
    return RowChoice(label, {"action": "fix", meaning.value: value})


def _add_pool_choices(
    choices: dict[int, list[RowChoice]], spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow]
) -> None:
    """Add what to give a school that also holds licences of another pool: the rest, or as many again."""
    if not rows or spreadsheet_import.pool is None:
        return
    held = list_holdings(list_sibling_pools(spreadsheet_import.pool), [row.uai for row in rows])
    for row in rows:
        choices[row.pk] += _list_pool_choices(row, held.get(row.uai, ()))


def _list_pool_choices(row: ImportRow, elsewhere: Sequence[PoolHolding]) -> list[RowChoice]:
    units = row.units or 0
    complement = get_complement(units, row.units_before, elsewhere)
    total = units + sum(holding.units for holding in elsewhere)
    if complement == row.units_before:
        rest = RowChoice("ne rien donner de plus", {"action": "ignore"})
    else:
        label = f"donner {formatting.number(complement)}, pour {formatting.number(units)} en tout"
        rest = _correct(label, Meaning.UNITS, str(complement))
    if row.ticked:
        return [rest]
    again = f"donner {formatting.number(units)}, pour {formatting.number(total)} en tout"
    return [rest, RowChoice(again, {"action": "tick", "ticked": "1"})]


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
    labels = {address: f"écrire à {address}" for address in _find_addresses(written)}
    if contact:
        labels[contact] = f"écrire à {contact}, le contact de votre périmètre"
    if mailbox:
        labels[mailbox] = f"écrire à l'adresse officielle, {mailbox}"
    labels.pop(row.email, None)
    return [_correct(label, Meaning.EMAIL, address) for address, label in list(labels.items())[:_MAX_CHOICES]]


def _find_addresses(text: str) -> Collection[str]:
    return [part for part in _BETWEEN_ADDRESSES.split(text) if is_email_address(part)]
