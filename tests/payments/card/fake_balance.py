"""The balance of the fake Stripe: its transactions, newest first and by pages, as docs.stripe.com/api lists them."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_PARAMETERS = {"created", "currency", "ending_before", "expand", "limit", "payout", "source", "starting_after", "type"}


@dataclass
class FakeBalance:
    """What moved on the balance, oldest first."""

    transactions: list[dict] = field(default_factory=list)
    #: Its clock, in seconds.
    now: Callable[[], float] = time.time
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def add(self, kind: str, amount: int, *, source: dict | None, fee: int | None = None, currency="eur") -> dict:
        """Move an amount in cents, less the fee; return the transaction."""
        if fee is None:
            fee = amount * 15 // 1000 + 25 if kind == "charge" else 0
        made = {
            "id": f"txn_{next(self._numbers):08d}",
            "object": "balance_transaction",
            "amount": amount,
            "available_on": int(self.now()),
            "balance_type": "payments",
            "created": int(self.now()),
            "currency": currency,
            "description": None,
            "fee": fee,
            "fee_details": [{"amount": fee, "currency": currency, "type": "stripe_fee"}] if fee else [],
            "net": amount - fee,
            "reporting_category": kind,
            "source": source,
            "status": "available",
            "type": kind,
        }
        self.transactions.append(made)
        return made

    def pay_out(self) -> dict:
        """Send what is on the balance to the bank."""
        total = sum(one["net"] for one in self.transactions)
        payout = {"id": f"po_{next(self._numbers):08d}", "object": "payout", "amount": total, "status": "paid"}
        return self.add("payout", -total, source=payout)

    def answer(self, parameters: dict, *, refuse) -> dict:
        """List the transactions."""
        if unknown := set(parameters) - _PARAMETERS:
            raise refuse("parameter_unknown", f"Received unknown parameter: {unknown}.")
        limit = int(parameters.get("limit", 10))
        if not 1 <= limit <= 100:
            raise refuse("parameter_invalid_integer", "This value must be between 1 and 100.")
        created = {name: int(value) for name, value in parameters.get("created", {}).items()}
        if set(created) - {"gt", "gte", "lt", "lte"}:
            raise refuse("parameter_unknown", "Received unknown parameter: created.")
        rows = [
            one
            for one in reversed(self.transactions)
            if created.get("gte", 0) <= one["created"] < created.get("lt", one["created"] + 1)
        ]
        if after := parameters.get("starting_after"):
            rows = rows[[one["id"] for one in rows].index(after) + 1 :]
        expanded = "data.source" in parameters.get("expand", {}).values()
        return {
            "object": "list",
            "url": "/v1/balance_transactions",
            "has_more": len(rows) > limit,
            "data": [
                one if expanded else one | {"source": one["source"] and one["source"]["id"]} for one in rows[:limit]
            ],
        }
