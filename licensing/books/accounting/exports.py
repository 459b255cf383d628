"""The accountant's export: the file of a period, and what the page shows before it is downloaded."""

import datetime
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from accounts.account_journal import record_event
from accounts.models import AccountEvent, User
from core import formatting
from core.calendar import end_of_day, start_of_day
from core.exceptions import Refusal
from core.formatting import add_nonbreaking_spaces
from core.formulas import quote_formula
from core.text_templates import read_text_template
from licensing.books.accounting.entries import CHARGES, DISPUTES, OTHER_VAT_ACCOUNT, is_waiting, iterate_entries
from licensing.books.accounting.journals import AccountingEntry, Journal, Period, get_fiscal_year
from licensing.books.accounting.models import AccountingSettings, BalanceTransaction, get_accounting_settings
from licensing.catalogue.models import Seller
from licensing.orders.siret_numbers import SIREN_LENGTH
from licensing.payments.models import Payment, PaymentKind

# The 18 columns of a « fichier des écritures comptables »: LPF, article A47 A-1, VII, 1°. Pure.
#
# Tab-separated, ISO 8859-15, amounts with a decimal comma, days as AAAAMMJJ. Accountants open it in a spreadsheet
# program: a label that begins as a formula has an apostrophe before it, which the text allows, as it bounds no label's
# letters; amounts are positive, and days and accounts are digits, so that nothing else ever begins so.

COLUMNS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
)  # fmt: skip
ENCODING = "iso-8859-15"
_MAX_TEXT = 200
# What would end a field or a line: the bar as well, for those who import with it.
_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0|\u2000-\u200f\u2028-\u202f\u205f\u3000]+")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "…": "..."})


def format_header() -> bytes:
    """Return the line of the names."""
    return _format_line(COLUMNS)


def format_entry(
    entry: AccountingEntry, *, journals: Mapping[Journal, tuple[str, str]], accounts: Mapping[str, tuple[str, str]]
) -> Iterator[bytes]:
    """Yield the lines of an entry. `journals`, `accounts`: the code and the label of each."""
    code, label = journals[entry.journal]
    day = _format_day(entry.on)
    for line in entry.lines:
        client = (line.client.number, line.client.name) if line.client else ("", "")
        debit, credit = (line.amount, 0) if line.amount > 0 else (0, -line.amount)
        yield _format_line(
            (
                code, label, str(entry.number), day, *accounts[line.account], *client,
                entry.piece, _format_day(entry.piece_on), entry.label, _format_amount(debit), _format_amount(credit),
                line.letter, _format_day(line.letter_on) if line.letter_on else "",
                # The books keep what they have recorded: an entry is valid from its day on.
                day, "", "",
            )
        )  # fmt: skip


def _format_line(values: tuple[str, ...]) -> bytes:
    return "\t".join(_clean(value) for value in values).encode(ENCODING, errors="replace") + b"\r\n"


def _format_day(day: datetime.date) -> str:
    return f"{day:%Y%m%d}"


def _format_amount(amount: Decimal | int) -> str:
    return f"{amount:.2f}".replace(".", ",")


def _clean(text: str) -> str:
    """Return a text that ends no field, in letters that the file's character set has."""
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    text = quote_formula(_BREAKS.sub(" ", text).strip())[:_MAX_TEXT]
    # The complete text first: letter by letter takes half of an export.
    return text if _is_encodable(text) else "".join(map(_find_letter, text))


def _is_encodable(text: str) -> bool:
    try:
        text.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _find_letter(letter: str) -> str:
    """Return a letter that the file can have, without its accent where it has none for it."""
    return letter if _is_encodable(letter) else unicodedata.normalize("NFKD", letter)[0]


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
    """Return the totals of a period as its file would have them. Raises `Refusal`."""
    totals = PeriodTotals()
    for entry in iterate_entries(period, get_accounting_settings()):
        totals.add(entry)
    return totals


@transaction.atomic
def export_period(file: IO[bytes], period: Period, *, by: User, at: datetime.datetime) -> str:
    """Write the entries of a period and note the download in the accounts' journal; return the file's name.

    The same period has the same bytes, as long as the accounts are the same. Raises `Refusal`.
    """
    if at < end_of_day(period.end) + _MARGIN:
        raise Refusal(
            "period_not_over",
            f"La période finit le {formatting.long_date(period.end)} : elle se télécharge une fois terminée, pour que "
            "le fichier ne change plus. Choisissez une date de fin passée.",
        )
    accounting = get_accounting_settings()
    name = get_file_name(period, accounting)
    journals, accounts = accounting.describe_journals(), accounting.describe_accounts()
    digest, number = hashlib.sha256(), 0

    def write(line: bytes) -> None:
        digest.update(line)
        file.write(line)

    write(format_header())
    for entry in iterate_entries(period, accounting):
        number += 1
        for line in format_entry(entry, journals=journals, accounts=accounts):
            write(line)
    details = (
        f"du {formatting.long_date(period.start)} au {formatting.long_date(period.end)}, "
        f"{formatting.pluralize(number, 'écriture')}, fichier {name}, empreinte SHA-256 {digest.hexdigest()}."
    )
    record_event(AccountEvent.Action.BOOKS_DOWNLOADED, user=by, at=at, details=details)
    return name


def get_file_name(period: Period, accounting: AccountingSettings) -> str:
    """Return the name of a period's file: that of article A47 A-1 for a whole fiscal year. Raises `Refusal`."""
    seller = Seller.objects.filter(pk=1).first()
    if seller is None:
        raise Refusal(
            "no_seller", "Le vendeur n'est pas renseigné : ses écritures ne s'exportent pas. Renseignez-le d'abord."
        )
    if period == get_fiscal_year(period.end, closing_month=accounting.closing_month):
        return f"{''.join(seller.siret.split())[:SIREN_LENGTH]}FEC{period.end:%Y%m%d}.txt"
    return f"ecritures-{period.start}-{period.end}.txt"


def list_remarks(period: Period, totals: PeriodTotals, accounting: AccountingSettings) -> list[str]:
    """Return a sentence for each thing that is unusual in a period. Four queries."""
    recorded = _recorded_in(period)
    received = Payment.objects.filter(kind=PaymentKind.RECEIVED, **recorded)
    charges = BalanceTransaction.objects.filter(card=OuterRef("card"), kind__in=CHARGES)
    is_listed = Exists(charges.filter(recorded_at__lt=end_of_day(period.end)))
    context = {
        "accounting": accounting,
        "earlier": _count(received.filter(received_on__lt=period.start)),
        "has_other_vat": OTHER_VAT_ACCOUNT in totals.credits or OTHER_VAT_ACCOUNT in totals.debits,
        "has_seller": Seller.objects.exists(),
        "moved": BalanceTransaction.objects.filter(**recorded).aggregate(
            waiting=Count("pk", filter=is_waiting()),
            amount=Sum("amount", filter=is_waiting(), default=Decimal(0)),
            disputes=Count("pk", filter=Q(kind__in=DISPUTES)),
        ),
        "unlisted": _count(received.filter(~is_listed, card__isnull=False)),
    }
    return [add_nonbreaking_spaces(remark) for remark in read_text_template("accounting/remarks.txt", context)[""]]


def _count(payments: QuerySet[Payment]) -> dict[str, Any]:
    return payments.aggregate(number=Count("pk"), total=Sum("amount"))


def _recorded_in(period: Period) -> dict[str, object]:
    return {"recorded_at__gte": start_of_day(period.start), "recorded_at__lt": end_of_day(period.end)}
