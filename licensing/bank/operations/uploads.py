"""Uploads of bank statements: a line is stored once, however often and in however many files it comes.

Lines have no number that banks agree on: they are told apart by day, reference, amount and texts, and by their rank
among those that are alike. A statement that begins where another ended repeats none of its lines, even where two look
the same.
"""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from core import formatting
from core.advisory_locks import hold_transaction_lock
from licensing.bank.exceptions import UnreadableStatement, WrongAccount
from licensing.bank.formats.parsed_statement import ParsedLine, ParsedStatement
from licensing.bank.formats.reader import CFONB120, read_statements
from licensing.bank.models import BankStatement, LineState, StatementFormat, StatementLine
from licensing.catalogue.models import Seller
from licensing.orders.models import PaymentMethod

#: A year of 300 transfers a month is about 4 MB of CAMT.053.
MAX_FILE_BYTES = 5 * 1024 * 1024
#: Where bank, branch and account number stand in a French IBAN.
_BBAN = slice(4, 25)

type LineKey = tuple[datetime.date, str, str]


@dataclass(slots=True)
class UploadReport:
    """What became of a file."""

    #: Lines stored, of which credits to look at.
    stored: int = 0
    waiting: int = 0
    #: Lines that an earlier file had.
    known: int = 0
    #: French sentences: other accounts left out, a statement that is missing in between.
    remarks: list[str] = field(default_factory=list)


def receive_file(*, filename: str, content: bytes, by: User, at: datetime.datetime) -> UploadReport:
    """Store the lines of an uploaded file, each once. Raises `UnreadableStatement` or `WrongAccount`.

    The file is read before the transaction, in a process of its own.
    """
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableStatement(
            f"Ce fichier dépasse {MAX_FILE_BYTES // 1024 // 1024} Mo : déposez les relevés mois par mois."
        )
    name, statements = read_statements(content)
    return store_statements(
        name=name,
        statements=statements,
        filename=filename,
        sha256=hashlib.sha256(content).hexdigest(),
        by=by,
        at=at,
    )


@transaction.atomic
def store_statements(
    *,
    name: str,
    statements: Sequence[ParsedStatement],
    filename: str,
    sha256: str,
    by: User,
    at: datetime.datetime,
) -> UploadReport:
    """Store the statements of the seller's account, and those of their lines that are new.

    `name`: of the format. Raises `WrongAccount`, or `UnreadableStatement` where another format has the same days.
    """
    iban = _get_seller_iban()
    account = iban[_BBAN] if name == CFONB120 else iban
    own = [one for one in statements if one.account == account]
    others = sorted({one.account for one in statements if one.account != account})
    if not own:
        raise WrongAccount(
            f"Ce relevé est celui du compte {formatting.join_words([_format_account(one) for one in others])}. Le "
            f"vendeur est payé sur {_format_account(iban)} : déposez le relevé de ce compte, ou corrigez la fiche "
            "« Vendeur »."
        )
    # Two uploads at once: the second sees what the first has stored.
    hold_transaction_lock(f"bank statements {iban}")
    report = UploadReport()
    if others:
        listed = formatting.join_words([_format_account(one) for one in others])
        report.remarks.append(f"Laissé de côté, car ce n'est pas le compte du vendeur : {listed}.")
    known = list(BankStatement.objects.filter(account=iban))
    for parsed in sorted(own, key=lambda one: (one.opening_on, one.closing_on)):
        _check_format(parsed, name, known)
        report.remarks += _find_gap(parsed, known)
        statement, created = BankStatement.objects.get_or_create(
            account=iban,
            format=name,
            number=parsed.number,
            opening_on=parsed.opening_on,
            opening_balance=parsed.opening_balance,
            closing_on=parsed.closing_on,
            closing_balance=parsed.closing_balance,
            defaults={"filename": filename[:200], "sha256": sha256, "uploaded_at": at, "uploaded_by": by},
        )
        _store_lines(statement, parsed, known, report)
        if created:
            known.append(statement)
    return report


def _get_seller_iban() -> str:
    iban = Seller.objects.values_list("iban", flat=True).first()
    if iban is None:
        raise WrongAccount("Décrivez d'abord le vendeur, avec l'IBAN de son compte : ses relevés sont les seuls lus.")
    return "".join(iban.split()).upper()


def _format_account(account: str) -> str:
    """Return an IBAN in groups; or bank, branch and number of a CFONB account."""
    return formatting.iban(account) if account[:1].isalpha() else f"{account[:5]} {account[5:10]} {account[10:]}"


def _is_apart(known: BankStatement, parsed: ParsedStatement) -> bool:
    """Whether no line can be in both: one ends before the other begins, or the other goes on from its balance.

    In doubt they are apart: a line that is stored twice is seen, one that is left out is not.
    """
    if _summarize(known) == _summarize(parsed):
        return False
    return any(
        first.closing_on < second.opening_on
        or (first.closing_on == second.opening_on and first.closing_balance == second.opening_balance)
        for first, second in ((known, parsed), (parsed, known))
    )


def _summarize(one: BankStatement | ParsedStatement) -> tuple[object, ...]:
    """Return what two copies of one statement have in common."""
    return one.opening_on, one.opening_balance, one.closing_on, one.closing_balance


def _check_format(parsed: ParsedStatement, name: str, known: Iterable[BankStatement]) -> None:
    """Raise `UnreadableStatement` if another format has lines of these days: texts differ, and money would be twice."""
    other = next((one for one in known if one.format != name and not _is_apart(one, parsed)), None)
    if other is not None:
        raise UnreadableStatement(
            f"Les lignes du {formatting.long_date(other.opening_on)} au {formatting.long_date(other.closing_on)} sont "
            f"déjà là, au format {StatementFormat(other.format).label}. Une ligne ne s'écrit pas de même dans deux "
            "formats : gardez ce format, ou changez-en à partir d'un jour que rien ne couvre."
        )


def _find_gap(parsed: ParsedStatement, known: Sequence[BankStatement]) -> list[str]:
    """Return a remark if the statements before this one do not lead to its opening balance."""
    earlier = [one for one in known if one.closing_on <= parsed.opening_on]
    last = max(earlier, key=lambda one: (one.closing_on, one.pk), default=None)
    overlapping = any(one.opening_on < parsed.opening_on < one.closing_on for one in known)
    if last is None or overlapping or last.closing_balance == parsed.opening_balance:
        return []
    begins, ends = formatting.long_date(parsed.opening_on), formatting.long_date(last.closing_on)
    before, after = formatting.euros(last.closing_balance), formatting.euros(parsed.opening_balance)
    return [f"Le relevé commence le {begins} à {after}, le précédent finit le {ends} à {before} : il en manque un."]


def _store_lines(
    statement: BankStatement, parsed: ParsedStatement, known: Sequence[BankStatement], report: UploadReport
) -> None:
    """Store the lines that no earlier file had. Three queries."""
    lines = [line for line in parsed.lines if line.amount]
    keys = [_identify(line) for line in lines]
    alike = StatementLine.objects.filter(account=statement.account, booked_on__in={key[0] for key in keys})
    ranks: dict[LineKey, int] = {
        (day, reference, digest): rank
        for day, reference, digest, rank in alike.values_list("booked_on", "reference", "digest").annotate(
            rank=Max("rank")
        )
    }
    overlapping = [one.pk for one in known if not _is_apart(one, parsed)]
    present = Counter(alike.filter(statement__in=overlapping).values_list("booked_on", "reference", "digest"))
    stored = []
    for key, line in zip(keys, lines, strict=True):
        if present[key] > 0:
            present[key] -= 1
            report.known += 1
            continue
        ranks[key] = ranks.get(key, 0) + 1
        stored.append(_build_line(statement, line, key, ranks[key]))
    StatementLine.objects.bulk_create(stored)
    report.stored += len(stored)
    report.waiting += sum(line.state == LineState.WAITING for line in stored)


def _identify(line: ParsedLine) -> LineKey:
    """Return what tells a line from others: its day, the bank's reference, and a hash of amount and texts."""
    described = "\0".join((str(line.amount), line.label, line.party, line.details))
    return line.booked_on, line.reference, hashlib.sha256(described.encode()).hexdigest()


def _build_line(statement: BankStatement, line: ParsedLine, key: LineKey, rank: int) -> StatementLine:
    # What comes in is looked at, and what takes back something that came in.
    is_seen = line.amount > 0 or line.is_return
    return StatementLine(
        statement=statement,
        account=statement.account,
        booked_on=line.booked_on,
        amount=line.amount,
        reference=line.reference,
        label=line.label,
        party=line.party,
        details=line.details,
        digest=key[2],
        rank=rank,
        method=PaymentMethod.CHEQUE if line.is_cheque else PaymentMethod.TRANSFER,
        is_return=line.is_return,
        state=LineState.WAITING if is_seen else LineState.DEBIT,
    )
