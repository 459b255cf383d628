"""The accountant's export: the file of a period, and what the page shows before it is downloaded."""

from __future__ import annotations

import datetime
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, NamedTuple

from django.db import transaction

from accounts.account_journal import record_event
from accounts.models import AccountEvent, User
from core import formatting
from core.calendar import end_of_day
from licensing.accounting import fec_format
from licensing.accounting.entries import iterate_entries
from licensing.accounting.exceptions import PeriodNotOver
from licensing.accounting.fiscal_years import get_fiscal_year
from licensing.accounting.journals import AccountingEntry, Period
from licensing.accounting.models import AccountingSettings, get_accounting_settings
from licensing.billing.exceptions import NoSeller
from licensing.catalogue.models import Seller
from licensing.orders.siret_numbers import SIREN_LENGTH

#: What was begun before midnight is recorded by then: afterwards a period gets no entry.
_MARGIN = datetime.timedelta(hours=1)


class AccountTotal(NamedTuple):
    """The totals of an account over a period, in euros."""

    number: str
    label: str
    debit: Decimal
    credit: Decimal


@dataclass(slots=True)
class PeriodTotals:
    """What the entries of a period add up to."""

    debits: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    credits: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    entries: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, entry: AccountingEntry) -> None:
        """Count an entry."""
        self.entries[entry.journal] += 1
        for line in entry.lines:
            side = self.debits if line.amount > 0 else self.credits
            side[line.account] += abs(line.amount)

    def list_accounts(self, accounting: AccountingSettings) -> list[AccountTotal]:
        """Return the totals by account number; several uses may share one."""
        labels = accounting.describe_accounts()
        sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for account in self.debits.keys() | self.credits.keys():
            total = sums[labels[account]]
            total[0] += self.debits.get(account, Decimal(0))
            total[1] += self.credits.get(account, Decimal(0))
        return [AccountTotal(*account, *total) for account, total in sorted(sums.items())]

    @property
    def total(self) -> Decimal:
        """The total of the debits, which is that of the credits."""
        return sum(self.debits.values(), Decimal(0))


def sum_period(period: Period) -> PeriodTotals:
    """Return the totals of a period as its file would have them. Raises `UnbalancedEntry`."""
    totals = PeriodTotals()
    for entry in iterate_entries(period, get_accounting_settings()):
        totals.add(entry)
    return totals


@transaction.atomic
def export_period(file: IO[bytes], period: Period, *, by: User, at: datetime.datetime) -> str:
    """Write the entries of a period and note the download in the accounts' journal; return the file's name.

    The same period has the same bytes, as long as the accounts are the same. Raises `PeriodNotOver`, `NoSeller` or
    `UnbalancedEntry`.
    """
    if at < end_of_day(period.end) + _MARGIN:
        raise PeriodNotOver(
            f"La période finit le {formatting.long_date(period.end)} : elle se télécharge une fois terminée, pour que "
            "le fichier ne change plus. Choisissez une date de fin passée."
        )
    accounting = get_accounting_settings()
    name = get_file_name(period, accounting)
    journals, accounts = accounting.describe_journals(), accounting.describe_accounts()
    digest, number = hashlib.sha256(), 0

    def write(line: bytes) -> None:
        digest.update(line)
        file.write(line)

    write(fec_format.format_header())
    for entry in iterate_entries(period, accounting):
        number += 1
        for line in fec_format.format_entry(entry, journals=journals, accounts=accounts):
            write(line)
    details = (
        f"du {formatting.long_date(period.start)} au {formatting.long_date(period.end)}, "
        f"{formatting.pluralize(number, 'écriture')}, fichier {name}, empreinte SHA-256 {digest.hexdigest()}."
    )
    record_event(AccountEvent.Action.BOOKS_DOWNLOADED, user=by, at=at, details=details)
    return name


def get_file_name(period: Period, accounting: AccountingSettings) -> str:
    """Return the name of a period's file: that of article A47 A-1 for a whole fiscal year. Raises `NoSeller`."""
    seller = Seller.objects.filter(pk=1).first()
    if seller is None:
        raise NoSeller("Le vendeur n'est pas renseigné : ses écritures ne s'exportent pas. Renseignez-le d'abord.")
    if period == get_fiscal_year(period.end, closing_month=accounting.closing_month):
        return f"{''.join(seller.siret.split())[:SIREN_LENGTH]}FEC{period.end:%Y%m%d}.txt"
    return f"ecritures-{period.start}-{period.end}.txt"
