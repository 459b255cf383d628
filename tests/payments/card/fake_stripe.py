"""A fake Stripe over real HTTP: Checkout sessions, refunds, the card page, signed events.

Requests and responses follow its documentation (docs.stripe.com/api). It refuses what Stripe refuses: a wrong API key,
an unknown parameter, an amount that is no integer, an idempotency key reused with other parameters.
"""

import hashlib
import hmac
import itertools
import json
import re
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from tests.payments.card.fake_balance import FakeBalance
from tests.waits import LAST_S

SECRET_KEY = "sk_test_notasecret0123456789"
WEBHOOK_SECRET = "whsec_notasecret0123456789"

_SESSION_PARAMETERS = {
    "mode",
    "allowed_payment_method_types",
    "adaptive_pricing",
    "locale",
    "line_items",
    "client_reference_id",
    "metadata",
    "payment_intent_data",
    "success_url",
    "cancel_url",
    "customer_email",
}


class FakeStripeError(Exception):
    def __init__(self, status: int, kind: str, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message}}


def _bad(code: str, message: str) -> FakeStripeError:
    return FakeStripeError(400, "invalid_request_error", code, message)


@dataclass
class FakeStripe:
    """Its objects, and the requests that it received."""

    sessions: dict[str, dict] = field(default_factory=dict)
    intents: dict[str, dict] = field(default_factory=dict)
    charges: dict[str, dict] = field(default_factory=dict)
    refunds: list[dict] = field(default_factory=list)
    balance: FakeBalance = field(default_factory=FakeBalance)
    #: Each request: method, path, parameters.
    requests: list[tuple[str, str, dict]] = field(default_factory=list)
    #: True: answer every request as when Stripe is down.
    down: bool = False
    #: The reason for which refunds fail; empty: they succeed.
    refund_failure: str = ""
    #: Where its card page posts events: « http://127.0.0.1:8000/webhooks/stripe/ », and the Host header.
    webhook: str = ""
    host: str = ""
    _answers: dict[str, tuple[str, dict | FakeStripeError]] = field(default_factory=dict)
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    url: str = ""

    # --- actions of a test ------------------------------------------------------------------------------------------
    def pay(self, session: str) -> dict:
        """Pay as the buyer; return the event."""
        with self._lock:
            held = self.sessions[session]
            assert held["status"] == "open"
            intent = self._number("pi")
            charge = self._number("ch")
            self.charges[charge] = {
                "id": charge,
                "object": "charge",
                "amount": held["amount_total"],
                "amount_refunded": 0,
                "currency": held["currency"],
                "payment_intent": intent,
                "metadata": held["_intent_metadata"],
                "paid": True,
                "refunded": False,
                "disputed": False,
            }
            self.intents[intent] = {
                "id": intent,
                "object": "payment_intent",
                "amount": held["amount_total"],
                "amount_received": held["amount_total"],
                "currency": held["currency"],
                "latest_charge": charge,
                "metadata": held["_intent_metadata"],
                "status": "succeeded",
            }
            held.update(status="complete", payment_status="paid", payment_intent=intent, url=None)
            self.balance.add("charge", held["amount_total"], source=self.charges[charge])
            return self.event("checkout.session.completed", self._shown(held))

    def expire(self, session: str) -> dict:
        """Expire the session without a payment; return the event."""
        with self._lock:
            held = self.sessions[session]
            held.update(status="expired", url=None)
            return self.event("checkout.session.expired", self._shown(held))

    def refund(self, session: str, amount: int | None = None) -> dict:
        """Refund from Stripe's dashboard; return the event."""
        charge = self._charge_of(session)
        self._refund({"payment_intent": charge["payment_intent"], **({"amount": amount} if amount else {})})
        return self.event("charge.refunded", charge)

    def fail_refund(self, reason: str = "expired_or_canceled_card") -> dict:
        """Fail the last refund; return the event."""
        refund = self.refunds[-1]
        refund.update(status="failed", failure_reason=reason)
        self.balance.add("refund_failure", refund["amount"], source=refund)
        return self.event("refund.failed", refund)

    def dispute(self, session: str, step: str = "created") -> dict:
        """Open or close a dispute by the cardholder; return the event."""
        charge = self._charge_of(session)
        # Stripe keeps the flag whatever the outcome.
        charge["disputed"] = True
        dispute = {"id": self._number("du"), "object": "dispute", "charge": charge["id"], "metadata": {}}
        if step == "created":
            self.balance.add("adjustment", -charge["amount"], fee=2000, source=dispute)
        return self.event(f"charge.dispute.{step}", dispute | {"payment_intent": charge["payment_intent"]})

    def fail_later(self, session: str) -> dict:
        """Fail a delayed payment; return the event."""
        with self._lock:
            self.pay(session)
            held = self.sessions[session]
            held.update(payment_status="unpaid")
            self.intents[held["payment_intent"]]["status"] = "requires_payment_method"
            return self.event("checkout.session.async_payment_failed", self._shown(held))

    def event(self, kind: str, about: dict) -> dict:
        """Return a new event with a snapshot of the object."""
        return {
            "id": self._number("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "type": kind,
            "livemode": False,
            "data": {"object": json.loads(json.dumps(about))},
        }

    def requests_to(self, path: str) -> list[dict]:
        """Return the parameters of each POST to the path."""
        return [parameters for method, requested, parameters in self.requests if (method, requested) == ("POST", path)]

    # --- the API ----------------------------------------------------------------------------------------------------
    def answer(self, method: str, path: str, parameters: dict, headers) -> dict:
        with self._lock:
            self.requests.append((method, path, parameters))
            if self.down:
                raise FakeStripeError(503, "api_error", "unavailable", "Stripe is down.")
            if headers.get("Authorization") != f"Bearer {SECRET_KEY}":
                raise FakeStripeError(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided.")
            key = headers.get("Idempotency-Key") if method == "POST" else None
            same = f"{path} {json.dumps(parameters, sort_keys=True)}"
            if key in self._answers:
                before, answer = self._answers[key]
                if before != same:
                    raise FakeStripeError(
                        400, "idempotency_error", "idempotency_key_in_use", "Other parameters before."
                    )
            else:
                # The first response is kept, even an error.
                try:
                    answer = self._answer(method, path, parameters)
                except FakeStripeError as refusal:
                    answer = refusal
                if key:
                    self._answers[key] = (
                        same,
                        answer if isinstance(answer, FakeStripeError) else json.loads(json.dumps(answer)),
                    )
            if isinstance(answer, FakeStripeError):
                raise answer
            return answer

    def _answer(self, method: str, path: str, parameters: dict) -> dict:
        if (method, path) == ("GET", "/v1/balance_transactions"):
            return self.balance.answer(parameters, refuse=_bad)
        if (method, path) == ("POST", "/v1/checkout/sessions"):
            return self._create(parameters)
        if (method, path) == ("POST", "/v1/refunds"):
            return self._refund(parameters)
        if (method, path) == ("GET", "/v1/refunds"):
            return self._list_refunds(parameters["charge"], int(parameters.get("limit", 10)))
        if found := re.fullmatch(r"/v1/checkout/sessions/(\w+)(/expire)?", path):
            held = self.sessions.get(found[1])
            if held is None:
                raise FakeStripeError(
                    404, "invalid_request_error", "resource_missing", f"No such checkout.session: {found[1]}"
                )
            if found[2] and method == "POST":
                if held["status"] != "open":
                    raise _bad("resource_not_open", "Only Checkout Sessions with a status in [open] can be expired.")
                held.update(status="expired", url=None)
            return self._shown(held, expanded=bool(parameters.get("expand")))
        if (found := re.fullmatch(r"/v1/payment_intents/(\w+)", path)) and found[1] in self.intents:
            return self.intents[found[1]]
        raise FakeStripeError(404, "invalid_request_error", "resource_missing", f"Unrecognized request: {path}.")

    def _create(self, parameters: dict) -> dict:
        if "payment_method_types" in parameters:
            raise _bad("payment_method_types_no_longer_supported", "Since 2026-09-30.endive.")
        if unknown := set(parameters) - _SESSION_PARAMETERS:
            raise _bad("parameter_unknown", f"Received unknown parameter: {unknown}.")
        if not parameters.get("customer_email", "a@b").isascii():
            raise _bad("email_invalid", f"Invalid email address: {parameters['customer_email']}")
        if parameters["mode"] != "payment" or not parameters["success_url"].startswith("http"):
            raise _bad("url_invalid", "Not a valid URL.")
        total = 0
        for item in parameters["line_items"].values():
            price = item["price_data"]
            if not re.fullmatch(r"[0-9]+", price["unit_amount"]) or not price["product_data"]["name"]:
                raise _bad("parameter_invalid_integer", "Invalid integer.")
            total += int(price["unit_amount"]) * int(item["quantity"])
            currency = price["currency"]
        number = self._number("cs_test")
        self.sessions[number] = {
            "id": number,
            "object": "checkout.session",
            "amount_total": total,
            "currency": currency,
            "client_reference_id": parameters.get("client_reference_id"),
            "customer_email": parameters.get("customer_email"),
            "metadata": parameters.get("metadata", {}),
            "_intent_metadata": parameters.get("payment_intent_data", {}).get("metadata", {}),
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": parameters["success_url"],
            "cancel_url": parameters["cancel_url"],
            "url": f"{self.url}/c/pay/{number}",
        }
        return self._shown(self.sessions[number])

    def _refund(self, parameters: dict) -> dict:
        charge = self.charges[self.intents[parameters["payment_intent"]]["latest_charge"]]
        left = charge["amount"] - self._given_back(charge)
        amount = int(parameters.get("amount", left))
        if self.refund_failure:
            raise _bad(self.refund_failure, "The charge cannot be refunded now.")
        if charge["disputed"]:
            raise _bad("charge_disputed", "The charge has been disputed.")
        if left == 0:
            raise _bad("charge_already_refunded", "Charge has already been refunded.")
        if not 0 < amount <= left:
            raise _bad("amount_too_large", "Refund amount is greater than unrefunded amount on charge.")
        refund = {
            "id": self._number("re"),
            "object": "refund",
            "amount": amount,
            "created": int(time.time()),
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "metadata": parameters.get("metadata", {}),
            "status": "succeeded",
            "failure_reason": None,
        }
        self.refunds.append(refund)
        self.balance.add("refund", -amount, source=refund)
        charge["amount_refunded"] = self._given_back(charge)
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        return refund

    def _list_refunds(self, charge: str, limit: int) -> dict:
        mine = [one for one in reversed(self.refunds) if one["charge"] == charge]
        return {"object": "list", "url": "/v1/refunds", "data": mine[:limit], "has_more": len(mine) > limit}

    def _given_back(self, charge: dict) -> int:
        return sum(one["amount"] for one in self.refunds if one["charge"] == charge["id"] and one["status"] != "failed")

    def _charge_of(self, session: str) -> dict:
        return self.charges[self.intents[self.sessions[session]["payment_intent"]]["latest_charge"]]

    def _shown(self, session: dict, *, expanded: bool = False) -> dict:
        shown = {name: value for name, value in session.items() if not name.startswith("_")}
        if expanded and shown["payment_intent"]:
            charge = dict(self._charge_of(session["id"]))
            # Ten at most come with a charge.
            charge["refunds"] = self._list_refunds(charge["id"], 10)
            shown["payment_intent"] = {**self.intents[session["payment_intent"]], "latest_charge": charge}
        return shown

    def _number(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):08d}"

    # --- the card page and events -----------------------------------------------------------------------------------
    def page(self, method: str, session: str, answer: str) -> tuple[str, str]:
        """Return the redirect (POST) and the HTML (GET) of the card page."""
        held = self.sessions[session]
        if method == "GET":
            return "", _PAGE.format(amount=held["amount_total"] / 100, back=held["cancel_url"])
        if answer == "pay":
            event = self.pay(session)
            if self.webhook:
                self.deliver(event)
        return held["success_url"], ""

    def deliver(self, event: dict) -> int:
        """Post the event to our webhook over HTTP; return the status."""
        body, signature = sign_event(event)
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.webhook,
            data=body,
            headers={"Host": self.host, "Content-Type": "application/json", "Stripe-Signature": signature},
        )
        with urllib.request.urlopen(request, timeout=LAST_S) as answer:  # noqa: S310
            return answer.status


_PAGE = """<!doctype html><html lang="fr"><title>Stripe (doublure)</title><h1>{amount:.2f} €</h1>
<form method="post"><button name="answer" value="pay">Payer</button></form><a href="{back}">Retour</a></html>"""


def sign_event(event: dict, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> tuple[bytes, str]:
    """Return the body of an event and its `Stripe-Signature`: HMAC-SHA256 over « timestamp.body »."""
    body = json.dumps(event).encode()
    moment = int(time.time() if at is None else at)
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={moment},v1={mark}"
