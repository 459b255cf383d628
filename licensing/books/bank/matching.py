"""Proposals for statement lines: which order, or which payment recorded before, a line may be. They book nothing."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from itertools import combinations, islice
from typing import NamedTuple

from core.formatting import euros, join_words, pluralize, short_date
from licensing.books.bank.books import (
    RECORDED_DAYS,
    RETURN_DAYS,
    BookedOrder,
    OpenBooks,
    RecordedPayment,
    find_invoice_numbers,
    find_registration_numbers,
)
from licensing.books.bank.models import StatementLine
from licensing.orders.models import ZERO, OrderState
from licensing.orders.settlement import PaymentMethod
from schools.folding import split_words

#: Proposals of one line that a person chooses from; there is a search for the rest.
MAX_PROPOSALS = 5


class Certainty(IntEnum):
    """How certain the first proposal of a line is: the order of the page."""

    SURE = 1
    PROBABLE = 2
    TO_CHOOSE = 3
    NONE = 4


class PaymentShare(NamedTuple):
    """What an order is to receive of a line, and what was due when that was shown, the lines above paid. In euros."""

    order_id: int
    amount: Decimal
    due: Decimal

    @property
    def surplus(self) -> Decimal:
        """What the order would receive beyond what it owes."""
        return max(ZERO, self.amount - self.due)


class MatchProposal(NamedTuple):
    """One thing that a line may be. Either `shares` are recorded, or payments recorded before are found on the line."""

    certainty: Certainty
    #: French sentence: why it is proposed.
    reason: str
    shares: tuple[PaymentShare, ...] = ()
    payment_ids: tuple[int, ...] = ()
    #: The payment that a debit takes back.
    reversed_id: int | None = None

    @property
    def key(self) -> str:
        """What a page sends to have this booked, as it was shown: « o12:199.00:199.00 o15:49.00:49.00 », « p3 »."""
        shares = [f"o{one.order_id}:{one.amount}:{one.due}" for one in self.shares]
        payments = [f"p{pk}" for pk in self.payment_ids]
        return " ".join([*shares, *payments, *([f"r{self.reversed_id}"] if self.reversed_id else [])])

    @property
    def surplus(self) -> Decimal:
        """What would be an overpayment, in euros."""
        return sum((one.surplus for one in self.shares), ZERO)


@dataclass(frozen=True, slots=True)
class ChosenMatch:
    """What a person chose for a line, read from a proposal's key."""

    shares: tuple[PaymentShare, ...] = ()
    payment_ids: tuple[int, ...] = ()
    reversed_id: int | None = None


#: What a key holds at most: a deposit of 100 cheques, and no more.
_MAX_PARTS = 100
_PART = re.compile(
    r"o(?P<order>[0-9]{1,18}):(?P<amount>[0-9]{1,9}\.[0-9]{2}):(?P<due>[0-9]{1,9}\.[0-9]{2})"
    r"|p(?P<payment>[0-9]{1,18})|r(?P<reversed>[0-9]{1,18})"
)


def parse_key(key: str) -> ChosenMatch | None:
    """Return what a key says; None if it is not one."""
    texts = key.split(" ", _MAX_PARTS)
    parts = [_PART.fullmatch(text) for text in texts]
    if len(texts) > _MAX_PARTS or None in parts:
        return None
    found = [part for part in parts if part is not None]
    shares = tuple(
        PaymentShare(int(part["order"]), Decimal(part["amount"]), Decimal(part["due"]))
        for part in found
        if part["order"]
    )
    payments = tuple(int(part["payment"]) for part in found if part["payment"])
    reversals = [int(part["reversed"]) for part in found if part["reversed"]]
    if reversals and len(found) > 1:
        return None
    return ChosenMatch(shares, payments, reversals[0] if reversals else None)


#: Candidates that are combined; of more, the first.
MAX_CANDIDATES = 16
#: How many make one transfer, or one deposit of cheques, at most; beyond, only all of them together.
MAX_PARTS = 6


def find_subsets[Item](
    items: Sequence[Item], total: Decimal, get_amount: Callable[[Item], Decimal], *, limit: int
) -> list[tuple[Item, ...]]:
    """Return at most `limit` sets of two items or more that add up to the total, small sets first.

    At most 14,876 sets are tried: those of 2 to 6 of 16.
    """
    if len(items) > MAX_PARTS and sum(map(get_amount, items)) == total:
        return [tuple(items)]
    return list(islice(_iterate_subsets(items[:MAX_CANDIDATES], total, get_amount), limit))


def _iterate_subsets[Item](
    items: Sequence[Item], total: Decimal, get_amount: Callable[[Item], Decimal]
) -> Iterator[tuple[Item, ...]]:
    # In cents: adding integers takes a third of the time of `Decimal`.
    cents = {id(item): int(get_amount(item) * 100) for item in items}
    wanted = int(total * 100)
    candidates = [item for item in items if 0 < cents[id(item)] < wanted]
    for size in range(2, min(MAX_PARTS, len(candidates)) + 1):
        for subset in combinations(candidates, size):
            if sum(cents[id(item)] for item in subset) == wanted:
                yield subset


def propose_reversals(line: StatementLine, books: OpenBooks) -> list[MatchProposal]:
    """Return the payments of which as much is left as the debit takes back, received shortly before it, latest first.

    A reversal suspends what was paid for, and its buyer is told: it is never more than probable.
    """
    amount = -line.open_amount
    cited = {books.by_number[number] for number in find_invoice_numbers(line.text) if number in books.by_number}
    fitting = [
        one
        for one in reversed(books.returnable)
        if one.amount >= amount
        and one.method == line.method
        and 0 <= (line.booked_on - one.received_on).days <= RETURN_DAYS
    ]
    named = [one for one in fitting if one.order_id in cited]
    exact = named or [one for one in fitting if one.amount == amount]
    certainty = Certainty.PROBABLE if named and len(named) == 1 else Certainty.TO_CHOOSE
    return [
        MatchProposal(
            certainty,
            f"Impayé de {euros(amount)} sur le règlement du {short_date(one.received_on)} (« {one.reference} ») : il "
            "sera annulé, et l'acheteur en recevra un e-mail.",
            reversed_id=one.pk,
        )
        for one in exact[:MAX_PROPOSALS]
    ]


# Rules from a line to its proposals, the most certain first. Pure, over `books.OpenBooks`.
#
# In order: a payment recorded by hand; an invoice's number; the payer's SIRET, then the payer's name, with the amount;
# several invoices of one payer; at last the amount alone. Only an exact amount is sure: a person chooses the rest.


def propose_for_lines(lines: Sequence[StatementLine], books: OpenBooks) -> dict[int, list[MatchProposal]]:
    """Return the proposals of each line by its id, the most certain first; none for what nothing is like.

    What one line would pay is no longer owed for the others: the surest first, whatever their order.
    """
    found = {line.pk: _propose(line, books) for line in lines}
    for line in sorted(lines, key=lambda line: _get_certainty(found[line.pk])):
        proposals = found[line.pk] = _propose(line, books)
        if _get_certainty(proposals) <= Certainty.PROBABLE:
            for share in proposals[0].shares:
                books.orders[share.order_id].promised += share.amount
            for payment in books.recorded:
                payment.is_promised = payment.is_promised or payment.pk in proposals[0].payment_ids
    return found


def _get_certainty(proposals: Sequence[MatchProposal]) -> Certainty:
    return proposals[0].certainty if proposals else Certainty.NONE


def _propose(line: StatementLine, books: OpenBooks) -> list[MatchProposal]:
    if line.amount < 0:
        return propose_reversals(line, books)
    if line.is_return:
        # Our own transfer that came back is nobody's payment.
        return []
    cited = _list_cited(line, books)
    by_key: dict[str, MatchProposal] = {}
    for rule in (_find_recorded, _match_number, _match_payer, _match_amount):
        for proposal in rule(line, cited, books):
            by_key.setdefault(proposal.key, proposal)
        if by_key and min(one.certainty for one in by_key.values()) <= Certainty.PROBABLE:
            break
    return sorted(by_key.values(), key=lambda one: one.certainty)[:MAX_PROPOSALS]


def _list_cited(line: StatementLine, books: OpenBooks) -> list[BookedOrder]:
    """Return the orders whose invoices the line names, in its order, each once, that can receive money."""
    ids = [books.by_number[number] for number in find_invoice_numbers(line.text) if number in books.by_number]
    return [books.orders[pk] for pk in dict.fromkeys(ids) if pk in books.orders]


# --- Payments recorded by hand ---------------------------------------------------------------------------------------


def _find_recorded(line: StatementLine, cited: Sequence[BookedOrder], books: OpenBooks) -> Iterator[MatchProposal]:
    """Yield payments recorded by hand that the line shows: nothing is added to the books for them."""
    near = [
        one
        for one in books.recorded
        if not one.is_promised
        and one.method == line.method
        and abs((one.received_on - line.booked_on).days) <= RECORDED_DAYS
    ]
    cited_ids = {order.pk for order in cited}
    exact = [one for one in near if one.amount == line.open_amount]
    named = [one for one in exact if one.order_id in cited_ids]
    if named:
        yield _describe_recorded(named[:1], Certainty.SURE)
    elif line.method == PaymentMethod.CHEQUE:
        for one in exact[:MAX_PROPOSALS]:
            yield _describe_recorded([one], Certainty.PROBABLE if len(exact) == 1 else Certainty.TO_CHOOSE)
        subsets = find_subsets(near, line.open_amount, lambda one: one.amount, limit=MAX_PROPOSALS)
        for subset in subsets:
            is_only = len(subsets) == 1 and not exact
            yield _describe_recorded(list(subset), Certainty.PROBABLE if is_only else Certainty.TO_CHOOSE)
    elif not cited:
        for one in exact:
            order = books.orders.get(one.order_id)
            if order is not None and _is_named(line, order):
                yield _describe_recorded([one], Certainty.PROBABLE)


def _describe_recorded(payments: Sequence[RecordedPayment], certainty: Certainty) -> MatchProposal:
    listed = join_words([f"{euros(one.amount)} le {short_date(one.received_on)}" for one in payments])
    what = (
        "Règlement déjà inscrit à la main"
        if len(payments) == 1
        else f"{pluralize(len(payments), 'règlement')} déjà inscrits à la main, dont la somme est celle de la ligne"
    )
    return MatchProposal(
        certainty,
        f"{what} : {listed}. Rien ne sera ajouté aux comptes.",
        payment_ids=tuple(one.pk for one in payments),
    )


# --- An invoice's number ----------------------------------------------------------------------------------------------


def _match_number(line: StatementLine, cited: Sequence[BookedOrder], _books: OpenBooks) -> Iterator[MatchProposal]:
    """Yield what follows from the invoices that the line names."""
    amount = line.open_amount
    if len(cited) == 1:
        yield _match_one_number(cited[0], amount)
    elif cited:
        listed = join_words([order.number or f"de la commande n° {order.pk}" for order in cited])
        owed = [order for order in cited if order.is_owed]
        if owed and sum((order.left for order in owed), ZERO) == amount:
            yield MatchProposal(
                Certainty.SURE,
                f"Les factures {listed} sont citées, et la ligne est la somme de ce qui reste à régler.",
                _share_exactly(owed),
            )
            return
        for order in owed:
            if order.left == amount:
                reason = f"La facture {order.number} est citée avec d'autres, et il reste ce montant à régler."
                yield MatchProposal(Certainty.TO_CHOOSE, reason, _share_exactly([order]))
        shares = _share_in_turn(owed, amount)
        if shares:
            yield MatchProposal(
                Certainty.TO_CHOOSE,
                f"Les factures {listed} sont citées ; leur somme n'est pas celle de la ligne. Dans leur ordre.",
                shares,
            )


def _match_one_number(order: BookedOrder, amount: Decimal) -> MatchProposal:
    shares = (PaymentShare(order.pk, amount, order.left),)
    cited = f"La facture {order.number} est citée" if order.number else "Sa facture, annulée par un avoir, est citée"
    if order.state == OrderState.CANCELLED:
        reason = f"{cited}, mais la commande est annulée : tout sera à rendre."
        return MatchProposal(Certainty.TO_CHOOSE, reason, shares)
    if order.left == amount:
        return MatchProposal(Certainty.SURE, f"{cited}, et il reste exactement ce montant à régler.", shares)
    if order.left == 0:
        why = "une ligne plus haut la règle" if order.due > 0 else "elle est déjà réglée"
        return MatchProposal(Certainty.TO_CHOOSE, f"{cited}, mais {why} : tout sera un trop-perçu.", shares)
    if amount < order.left:
        reason = f"{cited} ; il restera {euros(order.left - amount)} à régler."
        return MatchProposal(Certainty.PROBABLE, reason, shares)
    reason = f"{cited}, et il ne reste que {euros(order.left)} à régler."
    return MatchProposal(Certainty.TO_CHOOSE, reason, shares)


# --- The payer --------------------------------------------------------------------------------------------------------


def _match_payer(line: StatementLine, cited: Sequence[BookedOrder], books: OpenBooks) -> Iterator[MatchProposal]:
    """Yield what the payer owes, who is told by SIRET or SIREN, else by name: at this amount, or together."""
    if cited:
        return
    registered = [
        order
        for number in sorted(find_registration_numbers(line.text), key=len, reverse=True)
        for order in books.by_registration.get(number, ())
    ]
    orders, evidence = (
        list({order.pk: order for order in registered}.values()),
        "Le SIRET ou le SIREN du payeur est cité",
    )
    certainty = Certainty.SURE
    if not orders:
        orders, evidence, certainty = _list_named(line, books), "Le nom du payeur est cité", Certainty.PROBABLE
    owed = [order for order in orders if order.is_owed and _was_placed(order, line)]
    exact = [order for order in owed if order.left == line.open_amount]
    for order in exact[:MAX_PROPOSALS]:
        only = "c'est la seule commande" if len(exact) == 1 else f"c'est l'une de {len(exact)} commandes"
        reason = f"{evidence}, et {only} de ce montant qu'il reste à régler.{_describe_missing_invoice(order)}"
        found = certainty if len(exact) == 1 else Certainty.TO_CHOOSE
        # An invoice is not issued without a look.
        found = max(found, Certainty.PROBABLE) if order.awaits_purchase_order else found
        yield MatchProposal(found, reason, _share_exactly([order]))
    if exact:
        return
    payers = {(order.siret, order.bill_name) for order in owed}
    for siret, bill_name in sorted(payers):
        own = [
            order
            for order in owed
            if (order.siret, order.bill_name) == (siret, bill_name) and not order.awaits_purchase_order
        ]
        subsets = find_subsets(own, line.open_amount, lambda order: order.left, limit=MAX_PROPOSALS)
        for subset in subsets:
            reason = f"{evidence}, et {len(subset)} de ses factures font ensemble ce montant."
            is_only = len(subsets) == 1 and len(payers) == 1
            yield MatchProposal(Certainty.PROBABLE if is_only else Certainty.TO_CHOOSE, reason, _share_exactly(subset))
    for order in owed[:MAX_PROPOSALS]:
        yield _describe_other_amount(order, line.open_amount, evidence)


def _describe_other_amount(order: BookedOrder, amount: Decimal, evidence: str) -> MatchProposal:
    rest = order.left - amount
    after = f"il en restera {euros(rest)}" if rest > 0 else "le reste sera un trop-perçu"
    reason = f"{evidence} ; {euros(order.left)} restent à régler, {after}.{_describe_missing_invoice(order)}"
    return MatchProposal(Certainty.TO_CHOOSE, reason, (PaymentShare(order.pk, amount, order.left),))


def _describe_missing_invoice(order: BookedOrder) -> str:
    """Return the sentence that says what a payment does to an order without invoice; empty for the others."""
    if not order.awaits_purchase_order:
        return ""
    return f" La commande n° {order.pk} attend son bon signé : le règlement en tient lieu, et la facture est émise."


def _list_named(line: StatementLine, books: OpenBooks) -> list[BookedOrder]:
    """Return the owed orders all of whose payer's words stand in the line's texts."""
    words = set(split_words(line.text))
    return sorted(
        (order for word in words for order in books.by_word.get(word, ()) if order.words <= words),
        key=lambda order: order.pk,
    )


def _is_named(line: StatementLine, order: BookedOrder) -> bool:
    return bool(order.words) and order.words <= set(split_words(line.text))


# --- The amount alone -------------------------------------------------------------------------------------------------


def _match_amount(line: StatementLine, cited: Sequence[BookedOrder], books: OpenBooks) -> Iterator[MatchProposal]:
    """Yield owed orders of this amount; of a deposit of cheques, also those that make it up together."""
    if cited:
        return
    is_cheque = line.method == PaymentMethod.CHEQUE
    exact = [order for order in books.by_due.get(line.open_amount, ()) if order.is_owed and _was_placed(order, line)]
    for order in sorted(exact, key=lambda order: order.pays_by_cheque != is_cheque)[:MAX_PROPOSALS]:
        missing = _describe_missing_invoice(order)
        reason = f"Le montant est celui que doit {order.bill_name} ; rien d'autre ne le dit.{missing}"
        yield MatchProposal(Certainty.TO_CHOOSE, reason, _share_exactly([order]))
    if is_cheque and not exact:
        owed = [
            order
            for order in books.orders.values()
            if order.is_owed and order.pays_by_cheque and _was_placed(order, line)
        ]
        for subset in find_subsets(owed, line.open_amount, lambda order: order.left, limit=MAX_PROPOSALS):
            reason = (
                f"Remise de chèques : ces {len(subset)} commandes font ensemble ce montant ; rien d'autre ne le dit."
            )
            yield MatchProposal(Certainty.TO_CHOOSE, reason, _share_exactly(subset))


def _was_placed(order: BookedOrder, line: StatementLine) -> bool:
    """Whether the order was there when the money came: a payment is not received before."""
    return order.placed_on is not None and order.placed_on <= line.booked_on


def _share_exactly(orders: Sequence[BookedOrder]) -> tuple[PaymentShare, ...]:
    return tuple(PaymentShare(order.pk, order.left, order.left) for order in orders)


def _share_in_turn(orders: Sequence[BookedOrder], amount: Decimal) -> tuple[PaymentShare, ...]:
    """Return the amount shared out in turn, what is beyond all of them with the last."""
    shares: list[PaymentShare] = []
    for order in orders:
        part = amount if order is orders[-1] else min(order.left, amount)
        if part > 0:
            shares.append(PaymentShare(order.pk, part, order.left))
        amount -= part
    return tuple(shares)
