"""What pages show of statement lines: their texts, their proposals with the orders, and what they were booked as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.urls import reverse

from core.formatting import add_nonbreaking_spaces, euros, long_date, short_date
from licensing.bank.books import BookedOrder, OpenBooks, load_books
from licensing.bank.matching import Certainty, MatchProposal, propose_for_lines
from licensing.bank.models import StatementLine
from licensing.payments.models import Payment


@dataclass(frozen=True)
class ShareView:
    """An order that a proposal pays."""

    label: str
    url: str
    amount: str
    #: « dont 51,00 € de trop-perçu », or empty.
    surplus: str = ""


@dataclass(frozen=True)
class ProposalView:
    """A proposal as a page shows it."""

    key: str
    reason: str
    shares: list[ShareView]


@dataclass
class LineView:
    """A line to look at, as a page shows it."""

    line: StatementLine
    certainty: Certainty
    proposals: list[ProposalView] = field(default_factory=list)
    #: Why it was not booked a moment ago.
    error: str = ""

    @property
    def is_ticked(self) -> bool:
        """Whether its only proposal is ticked beforehand."""
        return self.certainty == Certainty.SURE and not self.error

    @property
    def has_one_choice(self) -> bool:
        return len(self.proposals) == 1

    @property
    def title(self) -> str:
        """Day, amount and label, which name the line among the others."""
        text = self.line.label or self.line.reference
        return f"{short_date(self.line.booked_on)} – {euros(self.line.open_amount)} – {text}"

    @property
    def further_text(self) -> str:
        """What else the bank says of it."""
        party = "" if self.line.party in self.line.details else self.line.party
        return " – ".join(filter(None, (party, self.line.details)))

    @property
    def url(self) -> str:
        return reverse("admin:bank_statementline_choice", args=[self.line.pk])


def build_line_views(lines: Sequence[StatementLine], errors: Mapping[int, str]) -> list[LineView]:
    """Return the lines with their proposals, in their order. As many queries for one line as for hundreds."""
    books = load_books(lines)
    found = propose_for_lines(lines, books)
    payment_ids = {pk for proposals in found.values() for one in proposals for pk in _list_payment_ids(one)}
    payments = Payment.objects.select_related("order").in_bulk(payment_ids)
    return [
        LineView(
            line=line,
            certainty=found[line.pk][0].certainty if found[line.pk] else Certainty.NONE,
            proposals=[_build_proposal(one, books, payments) for one in found[line.pk]],
            error=errors.get(line.pk, ""),
        )
        for line in lines
    ]


def describe_order(order: BookedOrder) -> str:
    """Return an order's number, invoice and payer in one line."""
    return " – ".join(filter(None, (f"Commande n° {order.pk}", order.number, order.bill_name)))


def _list_payment_ids(proposal: MatchProposal) -> list[int]:
    return [*proposal.payment_ids, *([proposal.reversed_id] if proposal.reversed_id else [])]


def _build_proposal(proposal: MatchProposal, books: OpenBooks, payments: Mapping[int, Payment]) -> ProposalView:
    shares = [
        ShareView(
            label=describe_order(books.orders[share.order_id]),
            url=reverse("admin:orders_order_change", args=[share.order_id]),
            amount=euros(share.amount),
            surplus=f"dont {euros(share.surplus)} de trop-perçu" if share.surplus else "",
        )
        for share in proposal.shares
    ]
    shares += [
        ShareView(
            label=f"{payments[pk].order} – {payments[pk].order.bill_name}",
            url=reverse("admin:payments_payment_change", args=[pk]),
            amount=euros(payments[pk].amount),
        )
        for pk in _list_payment_ids(proposal)
    ]
    return ProposalView(proposal.key, add_nonbreaking_spaces(proposal.reason), shares)


@dataclass(frozen=True)
class BookedPaymentView:
    """A payment that a line is booked as, and what became of it."""

    label: str
    url: str
    #: French sentences: found, reversed, released.
    remarks: list[str]


def build_booked_views(line: StatementLine) -> list[BookedPaymentView]:
    """Return the payments of a line, those of which it was taken back included."""
    links = line.payments.select_related("payment", "order").prefetch_related("payment__taken_back").order_by("pk")
    views = []
    for link in links:
        payment = link.payment
        remarks = [] if link.was_recorded else ["Déjà inscrit à la main, retrouvé sur cette ligne."]
        remarks += [
            f"{back.get_kind_display()} le {long_date(back.received_on)} : {euros(-back.amount)}"
            + (f" ({back.get_reversal_reason_display().lower()})." if back.reversal_reason else ".")
            for back in payment.taken_back.all()
        ]
        if link.released_at is not None:
            remarks.append("La ligne en a été reprise, pour être enregistrée autrement.")
        views.append(
            BookedPaymentView(
                label=f"{euros(payment.amount)} – {link.order} – {link.order.bill_name}",
                url=reverse("admin:payments_payment_change", args=[payment.pk]),
                remarks=[add_nonbreaking_spaces(remark) for remark in remarks],
            )
        )
    return views
