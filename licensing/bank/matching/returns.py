"""Rules from a debit that may undo an earlier operation to the payment that it takes back. Pure."""

from __future__ import annotations

from core.formatting import euros, short_date
from licensing.bank.matching.books import RETURN_DAYS, OpenBooks
from licensing.bank.matching.invoice_numbers import find_invoice_numbers
from licensing.bank.matching.match_proposal import Certainty, MatchProposal
from licensing.bank.models import StatementLine

_MAX_PROPOSALS = 5


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
        for one in exact[:_MAX_PROPOSALS]
    ]
