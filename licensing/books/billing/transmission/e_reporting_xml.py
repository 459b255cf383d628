"""Flow 10 of DGFiP's external specifications (annexes 6 and 7 of v3.2): sales to consumers, and what they paid. Pure.

Blocks 10.3 (sales by day and category) and 10.4 (payments by day); « TT » is a field's number. A report is initial, or
corrects one: it then takes the place of all that was stated of the period.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from core.calendar import PARIS
from licensing.books.billing.transmission.xml_elements import add_texts

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

    is_sales, made_at = content["kind"] == "sales", datetime.datetime.fromisoformat(content["made_at"])
    report = "TransactionsReport" if is_sales else "PaymentsReport"
    texts = {
        "ReportDocument/Id": tracking_id,
        "ReportDocument/IssueDateTime/DateTimeString": made_at.astimezone(PARIS).strftime(_SECOND),
        "ReportDocument/TypeCode": _CORRECTING if content["rank"] else _INITIAL,
        f"ReportDocument/Sender/Id@schemeId={_PLATFORM_NUMBER}": platform_number,
        "ReportDocument/Sender/Name": platform_name,
        "ReportDocument/Sender/RoleCode": _PLATFORM,
        f"ReportDocument/Issuer/Id@schemeId={_SIREN}": content["seller"]["siren"],
        "ReportDocument/Issuer/Name": content["seller"]["name"],
        "ReportDocument/Issuer/RoleCode": _SELLER,
        f"{report}/ReportPeriod/StartDate": _compact(content["begins_on"]),
        f"{report}/ReportPeriod/EndDate": _compact(content["ends_on"]),
    }
    listed = _list_sales(content) if is_sales else _list_payments(content)
    texts |= {f"{report}/Transactions#{path}": text for path, text in listed}
    root = etree.Element("Report")
    add_texts(root, texts, {})
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def _list_sales(content: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for number, day in enumerate(content["days"]):
        yield f"{number}/Date", _compact(day["on"])
        yield f"{number}/TransactionsCurrency", "EUR"
        yield f"{number}/TaxDueDateTypeCode", _ON_DEBITS if content["vat_on_debits"] else None
        yield f"{number}/CategoryCode", day["category"]
        yield f"{number}/TaxExclusiveAmount", _total(day["rates"], "ht")
        yield f"{number}/TaxTotal", _total(day["rates"], "vat")
        for rank, rate in enumerate(day["rates"]):
            yield f"{number}/TaxSubtotal#{rank}/TaxPercent", rate["vat_rate"]
            yield f"{number}/TaxSubtotal#{rank}/TaxableAmount", rate["ht"]
            yield f"{number}/TaxSubtotal#{rank}/TaxTotal", rate["vat"]


def _list_payments(content: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for number, (on, rates) in enumerate(set_off_returns(content["days"]).items()):
        yield f"{number}/Payment/Date", _compact(on)
        for rank, (vat_rate, amount) in enumerate(rates.items()):
            yield f"{number}/Payment/SubTotals#{rank}/TaxPercent", vat_rate
            yield f"{number}/Payment/SubTotals#{rank}/CurrencyCode", "EUR"
            yield f"{number}/Payment/SubTotals#{rank}/Amount", f"{amount:.2f}"


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
