"""Operations on bank statements. Each locks the line first, then the orders; nothing is booked without a person."""

import datetime
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Max

from accounts.models import User
from core import formatting
from core.advisory_locks import hold_transaction_lock
from core.calendar import date_in_paris
from core.exceptions import Refusal
from licensing.books.bank.formats import CFONB120, ParsedLine, ParsedStatement, UnreadableStatement, read_statements
from licensing.books.bank.matching import ChosenMatch, PaymentShare
from licensing.books.bank.models import BankStatement, LinePayment, LineState, StatementFormat, StatementLine
from licensing.books.billing.queries import get_balance
from licensing.catalogue.models import Seller
from licensing.orders.exceptions import NoReason
from licensing.orders.models import ZERO, Order, OrderState
from licensing.orders.order_events import lock_orders
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment, PaymentKind, ReversalReason
from licensing.payments.queries import get_amount_left

# Uploads of bank statements: a line is stored once, however often and in however many files it comes.
#
# Lines have no number that banks agree on: they are told apart by day, reference, amount and texts, and by their rank
# among those that are alike. A statement that begins where another ended repeats none of its lines, even where two look
# the same.

#: A year of 300 transfers a month is about 4 MB of CAMT.053.
MAX_FILE_BYTES = 5 * 1024 * 1024
#: Where bank, branch and account number stand in a French IBAN.
_BBAN = slice(4, 25)

#: What a line keeps as the file has it.
_AS_READ = ("booked_on", "amount", "reference", "label", "party", "details", "is_return")

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
    """Store the lines of an uploaded file, each once. Raises `UnreadableStatement` or `Refusal`.

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

    `name`: of the format. Raises `Refusal`, or `UnreadableStatement` where another format has the same days.
    """
    iban = _get_seller_iban()
    account = iban[_BBAN] if name == CFONB120 else iban
    own = [one for one in statements if one.account == account]
    others = sorted({one.account for one in statements if one.account != account})
    if not own:
        raise Refusal(
            "wrong_account",
            f"Ce relevé est celui du compte {formatting.join_words([_format_account(one) for one in others])}. Le "
            f"vendeur est payé sur {_format_account(iban)} : déposez le relevé de ce compte, ou corrigez la fiche "
            "« Vendeur ».",
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
        raise Refusal(
            "wrong_account", "Décrivez d'abord le vendeur, avec l'IBAN de son compte : ses relevés sont les seuls lus."
        )
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
        digest=key[2],
        rank=rank,
        method=PaymentMethod.CHEQUE if line.is_cheque else PaymentMethod.TRANSFER,
        state=LineState.WAITING if is_seen else LineState.DEBIT,
        **{name: getattr(line, name) for name in _AS_READ},
    )


# What a person decides of a line: booked as payments, set aside with a reason, or taken back to be decided anew.
#
# Locks: the line, then its orders in the order of their keys, then what `payments` locks.


@transaction.atomic
def book_line(
    *, line_id: int, chosen: ChosenMatch, by: User, at: datetime.datetime, rest_reason: str = ""
) -> StatementLine:
    """Book a line as it was chosen: record its payments, find those recorded before, or reverse one; return the line.

    What is chosen makes up the line, or `rest_reason` says why its rest is set aside. Raises `Refusal` where
    the line does not wait, where what is chosen does not make it up, or would be more of an overpayment than was shown;
    and what payments raise.
    """
    line = _lock_waiting_line(line_id)
    if chosen.reversed_id is not None:
        booked = [_reverse(line, chosen.reversed_id, by=by, at=at)]
    elif line.amount < 0:
        raise Refusal("invalid_shares", "Une ligne au débit n'est pas un règlement reçu : rien n'a été fait.")
    else:
        orders = _lock_and_check(chosen)
        booked = [_find_recorded(line, pk) for pk in sorted(set(chosen.payment_ids))]
        booked += [
            _record(line, orders[share.order_id], share, by=by, at=at)
            for share in sorted(chosen.shares, key=lambda share: share.order_id)
        ]
    total = sum((payment.amount for payment, _ in booked), ZERO)
    _check_total(line, total, rest_reason)
    LinePayment.objects.bulk_create(
        LinePayment(line=line, payment=payment, order_id=payment.order_id, was_recorded=was_recorded)
        for payment, was_recorded in booked
    )
    rest = line.open_amount - total
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    line.booked_amount = F("booked_amount") + total
    if rest:
        line.set_aside_amount, line.reason = F("set_aside_amount") + rest, rest_reason.strip()
    line.state = LineState.BOOKED
    return _decide(line, by=by, at=at)


@transaction.atomic
def set_line_aside(*, line_id: int, reason: str, by: User, at: datetime.datetime) -> StatementLine:
    """Set aside what is left of a line that pays no order; return the line. Raises `Refusal` or `NoReason`."""
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason(
            "Dites pourquoi cette ligne est mise de côté : intérêts, apport, remboursement d'un fournisseur…"
        )
    line = _lock_waiting_line(line_id)
    line.set_aside_amount, line.reason = line.amount - line.booked_amount, reason
    line.state = LineState.BOOKED if line.booked_amount else LineState.SET_ASIDE
    return _decide(line, by=by, at=at)


@transaction.atomic
def take_line_back(*, line_id: int, by: User, at: datetime.datetime) -> StatementLine:
    """Have a line decided anew: what was set aside, payments found on it, those reversed as a mistake; return it.

    A payment recorded from the line is first reversed as a mistake, from its own page. A debit that the bank did not
    mark as a return can be taken up as one. Raises `Refusal`.
    """
    line = _lock_line(line_id)
    released = list_releasable(line)
    if not released and not line.set_aside_amount and line.state != LineState.DEBIT:
        raise Refusal(
            "line_not_waiting",
            "Rien de cette ligne ne peut être repris : si elle règle une autre commande, annulez d'abord le règlement "
            "depuis sa page, avec le motif « Erreur de saisie ».",
        )
    LinePayment.objects.filter(pk__in=[link.pk for link in released]).update(released_at=at)
    line.booked_amount = F("booked_amount") - sum((link.payment.amount for link in released), ZERO)
    line.set_aside_amount, line.reason = ZERO, ""
    line.state = LineState.WAITING
    return _decide(line, by=by, at=at)


def list_releasable(line: StatementLine) -> list[LinePayment]:
    """Return what of a line can be booked otherwise: payments found on it, and those wholly reversed as a mistake."""
    links = (
        line.payments.filter(released_at__isnull=True, payment__amount__gt=0).select_related("payment").order_by("pk")
    )
    return [link for link in links if not link.was_recorded or _is_mistake(link.payment)]


def _is_mistake(payment: Payment) -> bool:
    """Whether all of a payment was reversed because it was recorded by mistake."""
    others = payment.taken_back.exclude(kind=PaymentKind.REVERSED, reversal_reason=ReversalReason.MISTAKE)
    return get_amount_left(payment) == 0 and not others.exists()


def _lock_line(line_id: int) -> StatementLine:
    line = StatementLine.objects.locked().filter(pk=line_id).first()
    if line is None:
        raise Refusal("line_not_waiting", "Cette ligne de relevé n'existe pas.")
    return line


def _lock_waiting_line(line_id: int) -> StatementLine:
    line = _lock_line(line_id)
    if line.state != LineState.WAITING:
        when = "" if line.decided_at is None else f" depuis le {formatting.long_date(date_in_paris(line.decided_at))}"
        raise Refusal(
            "line_not_waiting", f"{line} : {line.get_state_display().lower()}{when}. Rien de plus n'a été fait."
        )
    return line


def _lock_and_check(chosen: ChosenMatch) -> dict[int, Order]:
    """Lock the orders, those of payments found included; check that none receives more in excess than was shown."""
    found = Payment.objects.filter(pk__in=chosen.payment_ids).values_list("order_id", flat=True)
    if len({share.order_id for share in chosen.shares}) < len(chosen.shares):
        raise Refusal("invalid_shares", "La même commande est choisie deux fois pour cette ligne : rien n'a été fait.")
    orders = lock_orders(*(share.order_id for share in chosen.shares), *found)
    for share in chosen.shares:
        order = orders[share.order_id]
        due = get_due(order)
        if max(ZERO, share.amount - due) > share.surplus:
            raise Refusal(
                "outdated",
                f"{order} : il restait {formatting.euros(share.due)} à régler quand la page s'est affichée, et "
                f"{formatting.euros(due)} maintenant. Relisez la ligne, puis choisissez de nouveau.",
            )
    return orders


def get_due(order: Order) -> Decimal:
    """Return what is due for an order, in euros: nothing once it is cancelled or overpaid."""
    return ZERO if order.state == OrderState.CANCELLED else max(ZERO, get_balance(order))


def _record(
    line: StatementLine, order: Order, share: PaymentShare, *, by: User, at: datetime.datetime
) -> tuple[Payment, bool]:
    payment = payment_operations.record_payment(
        order_id=order.pk,
        method=line.method,
        amount=share.amount,
        received_on=line.booked_on,
        reference=line.payment_reference,
        by=by,
        at=at,
    )
    return payment, True


def _find_recorded(line: StatementLine, payment_id: int) -> tuple[Payment, bool]:
    """Return a payment that was recorded before, and that no line shows."""
    payment = Payment.objects.filter(pk=payment_id, kind=PaymentKind.RECEIVED, card__isnull=True).first()
    if payment is None or get_amount_left(payment) != payment.amount:
        raise Refusal(
            "outdated", f"{line} : l'un de ces règlements a été annulé ou rendu depuis. Choisissez de nouveau."
        )
    if LinePayment.objects.filter(payment=payment, released_at__isnull=True).exists():
        raise Refusal("invalid_shares", f"{line} : une autre ligne de relevé montre déjà le règlement de {payment}.")
    return payment, False


def _reverse(line: StatementLine, payment_id: int, *, by: User, at: datetime.datetime) -> tuple[Payment, bool]:
    """Return the negative payment that a debit is: a cheque or a transfer that came back unpaid."""
    if line.amount > 0:
        raise Refusal("invalid_shares", "Une ligne au crédit n'annule aucun règlement : rien n'a été fait.")
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise Refusal("invalid_shares", "Ce règlement n'existe pas : rien n'a été fait.")
    reversal = payment_operations.reverse_payment(
        payment_id=payment_id,
        amount=-line.open_amount,
        reason=ReversalReason.UNPAID,
        text=line.payment_reference,
        by=by,
        at=at,
    )
    return reversal, True


def _check_total(line: StatementLine, total: Decimal, rest_reason: str) -> None:
    """Raise `Refusal` unless what is booked makes up what is left of the line, or its rest is set aside."""
    if not total:
        raise Refusal("invalid_shares", "Choisissez au moins une commande : rien n'a été fait.")
    if abs(total) > abs(line.open_amount):
        raise Refusal(
            "invalid_shares",
            f"{line} : vous répartissez {formatting.euros(total)}, la ligne n'en a que "
            f"{formatting.euros(line.open_amount)}.",
        )
    if total != line.open_amount and not rest_reason.strip():
        raise Refusal(
            "invalid_shares",
            f"{line} : vous répartissez {formatting.euros(total)} sur {formatting.euros(line.open_amount)}. "
            f"Répartissez aussi les {formatting.euros(line.open_amount - total)} qui restent, ou dites pourquoi vous "
            "les mettez de côté.",
        )


def _decide(line: StatementLine, *, by: User, at: datetime.datetime) -> StatementLine:
    line.decided_at, line.decided_by = at, by
    line.save(update_fields=["state", "booked_amount", "set_aside_amount", "reason", "decided_at", "decided_by"])
    return line
