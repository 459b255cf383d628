"""A proposal for a statement line: certainty, reason, and what would be booked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from licensing.orders.models import ZERO


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
