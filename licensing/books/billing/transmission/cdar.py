"""Life-cycle messages of invoices (CDAR, UN/CEFACT D22B), read and written as XP Z12-012 has them. Pure.

An approved platform says by such a message what became of an invoice, and we say by one that it was collected. Fields
carry the norm's names (MDT: message data term). Sources and open questions: docs/decisions/0116.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from core.calendar import PARIS
from core.foreign_values import check_moment
from core.money import CENT
from licensing.books.billing.transmission.xml_elements import add_texts

_RSM = "urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:100"
_RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_QDT = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
_NAMESPACES: Final = {"rsm": _RSM, "ram": _RAM, "udt": _UDT, "qdt": _QDT}

#: Longest message that is read, in bytes: one invoice's status takes 5,000.
MAX_SIZE: Final = 1_000_000
_MAX_CODE_DIGITS: Final = 5
#: « Encaissée ».
COLLECTED: Final = 212
# UNTDID 2379: a moment to the second, and a day.
_SECOND, _DAY = "204", "102"
_SECOND_FORMAT, _DAY_FORMAT = "%Y%m%d%H%M%S", "%Y%m%d"
# MDT-3; MDT-2 of an invoice that the reform covers.
_PROFILE, _PROCESS = "urn.cpro.gouv.fr:1p0:CDV:invoice", "REGULATED"
# MDT-77: a message of the processing phase; MDT-88: paid (UNTDID 4405).
_PROCESSING, _PAID = "23", "47"
# UNTDID 3035: seller, buyer, platform, the public portal.
_SELLER, _BUYER, _PLATFORM, _PORTAL = "SE", "BY", "WK", "DFH"
# ICD: SIREN, address in the directory of electronic invoicing, approved platform (the public portal is 0000).
_SIREN, _DIRECTORY, _PLATFORM_NUMBER, _PORTAL_NUMBER = "0002", "0225", "0238", "0000"
# MDT-207: amount collected.
_AMOUNT_COLLECTED = "MEN"


class BadLifecycleMessage(Exception):
    """The message is no CDAR that can be read: no well-formed XML, another document, or a field that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleStatus:
    """A status that a message states of an invoice."""

    #: MDT-4, the message's own identifier, and the rank of the invoice in it.
    message_id: str
    #: MDT-87.
    invoice_number: str
    #: MDT-105: 200 to 213, or another of the norm's list.
    code: int
    #: MDT-78, when the status was given.
    at: datetime.datetime
    #: MDT-40, the role of who gave it: seller, buyer or platform.
    given_by: str
    #: MDT-113 with MDT-114, and the comment MDT-126; one line for each.
    reason: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the seller gave it: what we said ourselves, handed back."""
        return self.given_by == _SELLER


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedAmount:
    """What was collected at a VAT rate, in euros with VAT; negative where money went back. The rate is in per cent."""

    vat_rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStatement:
    """An amount collected for an invoice, as the seller states it to the buyer and to the administration."""

    #: MDT-4: ours, unique.
    message_id: str
    invoice_number: str
    #: UNTDID 1001: 380 an invoice, 381 a credit note.
    invoice_type: str
    invoice_date: datetime.date
    seller_siren: str
    seller_name: str
    buyer_siren: str
    buyer_name: str
    #: The buyer's address in the directory of electronic invoicing.
    buyer_address: str
    #: When it was collected, and when the message is made.
    at: datetime.datetime
    made_at: datetime.datetime
    amounts: Sequence[CollectedAmount]
    #: MDT-126, required where an amount is negative.
    comment: str = ""


def read_statuses(content: bytes) -> list[LifecycleStatus]:
    """Return the statuses that a message states, one for each invoice. Raises `BadLifecycleMessage`."""
    root = _parse(content)
    message_id = _text(root, "rsm:ExchangedDocument/ram:ID")
    at = _moment(root, "rsm:AcknowledgementDocument/ram:IssueDateTime/udt:DateTimeString")
    given_by = _text(root, "rsm:ExchangedDocument/ram:IssuerTradeParty/ram:RoleCode", required=False)
    references = root.findall("rsm:AcknowledgementDocument/ram:ReferenceReferencedDocument", _NAMESPACES)
    if not references:
        raise BadLifecycleMessage("It names no invoice (MDG-32).")
    return [
        LifecycleStatus(
            message_id=message_id if rank == 0 else f"{message_id}/{rank}",
            invoice_number=_text(reference, "ram:IssuerAssignedID"),
            code=_code(reference),
            at=at,
            given_by=given_by,
            reason=_reason(reference),
        )
        for rank, reference in enumerate(references)
    ]


def write_collected(statement: CollectionStatement) -> bytes:
    """Return the message « 212 encaissée ». Raises `ValueError` for an amount or a comment that the norm refuses."""
    from lxml import etree  # noqa: PLC0415

    amounts = [one for one in statement.amounts if one.amount]
    if not amounts:
        raise ValueError("Nothing was collected.")
    if any(one.amount != one.amount.quantize(CENT) for one in amounts):
        raise ValueError("An amount has a fraction of a cent.")
    if any(one.amount < 0 for one in amounts) and not statement.comment:
        raise ValueError("What went back needs a comment (P1.17).")
    root = etree.Element(f"{{{_RSM}}}CrossDomainAcknowledgementAndResponse", nsmap=_NAMESPACES)
    context, document = "rsm:ExchangedDocumentContext", "rsm:ExchangedDocument"
    acknowledgement = "rsm:AcknowledgementDocument"
    reference = f"{acknowledgement}/ReferenceReferencedDocument"
    status = f"{reference}/SpecifiedDocumentStatus"
    day = statement.invoice_date.strftime(_DAY_FORMAT)
    buyer, portal = f"{document}/RecipientTradeParty", f"{document}/RecipientTradeParty#2"
    texts = {
        f"{context}/BusinessProcessSpecifiedDocumentContextParameter/ID": _PROCESS,
        f"{context}/GuidelineSpecifiedDocumentContextParameter/ID": _PROFILE,
        f"{document}/ID": statement.message_id,
        f"{document}/IssueDateTime/udt:DateTimeString@format={_SECOND}": _seconds(statement.made_at),
        f"{document}/SenderTradeParty/RoleCode": _PLATFORM,
        f"{document}/IssuerTradeParty/GlobalID@schemeID={_SIREN}": statement.seller_siren,
        f"{document}/IssuerTradeParty/Name": statement.seller_name,
        f"{document}/IssuerTradeParty/RoleCode": _SELLER,
        f"{buyer}/GlobalID@schemeID={_SIREN}": statement.buyer_siren,
        f"{buyer}/Name": statement.buyer_name,
        f"{buyer}/RoleCode": _BUYER,
        f"{buyer}/URIUniversalCommunication/URIID@schemeID={_DIRECTORY}": statement.buyer_address,
        f"{portal}/GlobalID@schemeID={_PLATFORM_NUMBER}": _PORTAL_NUMBER,
        f"{portal}/RoleCode": _PORTAL,
        f"{acknowledgement}/MultipleReferencesIndicator/udt:Indicator": "false",
        f"{acknowledgement}/TypeCode": _PROCESSING,
        f"{acknowledgement}/IssueDateTime/udt:DateTimeString@format={_SECOND}": _seconds(statement.at),
        f"{reference}/IssuerAssignedID": statement.invoice_number,
        f"{reference}/StatusCode": _PAID,
        f"{reference}/TypeCode": statement.invoice_type,
        f"{reference}/FormattedIssueDateTime/qdt:DateTimeString@format={_DAY}": day,
        f"{reference}/ProcessConditionCode": str(COLLECTED),
        f"{reference}/ProcessCondition": "Encaissée",
        f"{reference}/IssuerTradeParty/GlobalID@schemeID={_SIREN}": statement.seller_siren,
        f"{status}/SequenceNumeric": "1",
        f"{status}/IncludedNote/Content": statement.comment or None,
    }
    for rank, one in enumerate(amounts):
        collected = f"{status}/SpecifiedDocumentCharacteristic#{rank}"
        texts |= {
            f"{collected}/TypeCode": _AMOUNT_COLLECTED,
            f"{collected}/ValueChangedIndicator/udt:IndicatorString": "false",
            f"{collected}/ValueAmount@currencyID=EUR": f"{one.amount:.2f}",
            f"{collected}/ValuePercent": f"{one.vat_rate:.2f}",
        }
    add_texts(root, texts, {**_NAMESPACES, "": _RAM})
    content: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content


def _seconds(moment: datetime.datetime) -> str:
    # The norm's moments have no zone: they are read in France.
    return moment.astimezone(PARIS).strftime(_SECOND_FORMAT)


def _parse(content: bytes) -> Any:
    from lxml import etree  # noqa: PLC0415

    if len(content) > MAX_SIZE:
        raise BadLifecycleMessage(f"It has {len(content)} bytes.")
    # No entity, no DTD, no network: what a platform sends is foreign.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as broken:
        raise BadLifecycleMessage(f"It is no well-formed XML: {broken.msg}.") from None
    if root.tag != f"{{{_RSM}}}CrossDomainAcknowledgementAndResponse":
        raise BadLifecycleMessage(f"It is another document: {root.tag}.")
    return root


def _text(element: Any, path: str, *, required: bool = True) -> str:
    text = " ".join((element.findtext(path, "", _NAMESPACES) or "").split())
    if required and not text:
        raise BadLifecycleMessage(f"{path} is missing.")
    return text


def _code(reference: Any) -> int:
    text = _text(reference, "ram:ProcessConditionCode")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_CODE_DIGITS):
        raise BadLifecycleMessage(f"MDT-105 is no number: {text[:20]}.")
    return int(text)


def _moment(element: Any, path: str) -> datetime.datetime:
    text = _text(element, path)
    # Some platforms give the day only.
    layout = _SECOND_FORMAT if len(text) > len("20260905") else _DAY_FORMAT
    try:
        return check_moment(datetime.datetime.strptime(text, layout).replace(tzinfo=PARIS))
    except ValueError:
        raise BadLifecycleMessage(f"{path} is no moment: {text[:20]}.") from None


def _reason(reference: Any) -> str:
    """Return the reasons and comments of a status, one a line, each with its code."""
    lines = []
    for status in reference.findall("ram:SpecifiedDocumentStatus", _NAMESPACES):
        code, reason = _text(status, "ram:ReasonCode", required=False), _text(status, "ram:Reason", required=False)
        if code or reason:
            lines.append(f"{reason} ({code})" if reason and code else reason or code)
        for note in status.findall("ram:IncludedNote", _NAMESPACES):
            lines += [" ".join(content.text.split()) for content in note.findall("ram:Content", _NAMESPACES)]
    return "\n".join(dict.fromkeys(line for line in lines if line))
