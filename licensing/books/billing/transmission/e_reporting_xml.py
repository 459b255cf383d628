"""Flow 10 of DGFiP's external specifications (annexes 6 and 7 of v3.2): sales to consumers, and what they paid. Pure.

Blocks 10.3 (sales by day and category) and 10.4 (payments by day); « TT » is a field's number. A report is initial, or
corrects one: it then takes the place of all that was stated of the period.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.calendar import PARIS

# TT-4: initial, or correcting.
_INITIAL, _CORRECTING = "IN", "RE"
# UNTDID 3035: platform, seller; ICD: approved platform, SIREN.
_PLATFORM, _SELLER, _PLATFORM_NUMBER, _SIREN = "WK", "SE", "0238", "0002"
# TT-80, UNTDID 2475: VAT due on invoice. Left out where it is due on payment.
_ON_DEBITS = "5"
_DAY, _SECOND = "%Y%m%d", "%Y%m%d%H%M%S"
#: The same in words for the operator.
UNREPORTABLE = (
    "Plus d'argent est reparti qu'il n'en est venu dans la période, à un même taux : le format de l'administration n'a "
    "pas de montant négatif. Déclarez cette période sur le site de votre plateforme."
)


class UnreportableAmount(Exception):
    """More went back in the period than came in, at a rate: TT-99 has no sign (rule G1.16)."""


def write_report(tracking_id: str, content: Mapping[str, Any], *, platform_number: str, platform_name: str) -> bytes:
    """Return the report of a period. Raises `UnreportableAmount`.

    `content`: as `e_reporting.books.build_content` makes it. `platform_number`: the four characters that the
    administration gave the platform (rule G6.22).
    """
    from lxml import etree  # noqa: PLC0415

    root = etree.Element("Report")
    document = _add(root, "ReportDocument")
    _add(document, "Id", tracking_id)
    made_at = datetime.datetime.fromisoformat(content["made_at"]).astimezone(PARIS)
    _add(_add(document, "IssueDateTime"), "DateTimeString", made_at.strftime(_SECOND))
    _add(document, "TypeCode", _CORRECTING if content["rank"] else _INITIAL)
    sender = _add(document, "Sender")
    _add(sender, "Id", platform_number, schemeId=_PLATFORM_NUMBER)
    _add(sender, "Name", platform_name)
    _add(sender, "RoleCode", _PLATFORM)
    issuer = _add(document, "Issuer")
    _add(issuer, "Id", content["seller"]["siren"], schemeId=_SIREN)
    _add(issuer, "Name", content["seller"]["name"])
    _add(issuer, "RoleCode", _SELLER)
    sales = content["kind"] == "sales"
    report = _add(root, "TransactionsReport" if sales else "PaymentsReport")
    period = _add(report, "ReportPeriod")
    _add(period, "StartDate", _compact(content["begins_on"]))
    _add(period, "EndDate", _compact(content["ends_on"]))
    if sales:
        _add_sales(report, content)
    else:
        _add_payments(report, content)
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def _add_sales(report: Any, content: Mapping[str, Any]) -> None:
    for day in content["days"]:
        transactions = _add(report, "Transactions")
        _add(transactions, "Date", _compact(day["on"]))
        _add(transactions, "TransactionsCurrency", "EUR")
        if content["vat_on_debits"]:
            _add(transactions, "TaxDueDateTypeCode", _ON_DEBITS)
        _add(transactions, "CategoryCode", day["category"])
        _add(transactions, "TaxExclusiveAmount", _total(day["rates"], "ht"))
        _add(transactions, "TaxTotal", _total(day["rates"], "vat"))
        for rate in day["rates"]:
            subtotal = _add(transactions, "TaxSubtotal")
            _add(subtotal, "TaxPercent", rate["vat_rate"])
            _add(subtotal, "TaxableAmount", rate["ht"])
            _add(subtotal, "TaxTotal", rate["vat"])


def _add_payments(report: Any, content: Mapping[str, Any]) -> None:
    for on, rates in set_off_returns(content["days"]).items():
        payment = _add(_add(report, "Transactions"), "Payment")
        _add(payment, "Date", _compact(on))
        for vat_rate, amount in rates.items():
            subtotals = _add(payment, "SubTotals")
            _add(subtotals, "TaxPercent", vat_rate)
            _add(subtotals, "CurrencyCode", "EUR")
            _add(subtotals, "Amount", f"{amount:.2f}")


def set_off_returns(days: list[dict[str, Any]]) -> dict[str, dict[str, Decimal]]:
    """Return the payments by day and rate with no negative amount, the total of each rate unchanged.

    What went back on a day is taken from the following ones, and where they do not suffice from those before. Raises
    `UnreportableAmount` where the whole period does not suffice.
    """
    by_rate: defaultdict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for day in sorted(days, key=lambda one: one["on"]):
        for rate in day["rates"]:
            by_rate[rate["vat_rate"]].append((day["on"], Decimal(rate["ttc"])))
    result: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for vat_rate, amounts in by_rate.items():
        forward, left = _carry(amounts)
        backward, left = _carry([*reversed(forward)], left)
        if left:
            raise UnreportableAmount(f"{-left} more went back than came in at {vat_rate} %.")
        for on, amount in backward:
            if amount:
                result[on][vat_rate] = amount
    return {on: dict(sorted(rates.items())) for on, rates in sorted(result.items())}


def _carry(
    amounts: list[tuple[str, Decimal]], carried: Decimal = Decimal(0)
) -> tuple[list[tuple[str, Decimal]], Decimal]:
    kept = []
    for on, amount in amounts:
        left = amount + carried
        carried = min(left, Decimal(0))
        kept.append((on, max(left, Decimal(0))))
    return kept, carried


def _total(rates: list[dict[str, str]], name: str) -> str:
    return f"{sum((Decimal(rate[name]) for rate in rates), Decimal(0)):.2f}"


def _compact(day: str) -> str:
    return datetime.date.fromisoformat(day).strftime(_DAY)


def _add(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    from lxml import etree  # noqa: PLC0415

    element = etree.SubElement(parent, name, attributes)
    element.text = text
    return element
