"""Life-cycle messages as a platform writes them, for tests. Not our writer's: it writes « encaissée » only."""

import datetime
from collections.abc import Sequence
from xml.sax.saxutils import escape

from core.calendar import PARIS

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:un:unece:uncefact:data:standard:{name}:100"'
    for prefix, name in {
        "rsm": "CrossDomainAcknowledgementAndResponse",
        "ram": "ReusableAggregateBusinessInformationEntity",
        "udt": "UnqualifiedDataType",
        "qdt": "QualifiedDataType",
    }.items()
)
#: Statuses of the transmission: given by a platform, in a message of type 305.
_OF_TRANSMISSION = frozenset({200, 201, 202, 203, 213})


def write_lifecycle_message(
    *,
    number: str,
    code: int,
    at: datetime.datetime = datetime.datetime(2026, 9, 5, 12, 0, tzinfo=PARIS),
    given_by: str = "WK",
    message_id: str = "",
    reasons: Sequence[tuple[str, str]] = (),
    comment: str = "",
) -> bytes:
    """Return the message that gives an invoice this status; `reasons` are codes with their text."""
    moment = at.astimezone(PARIS).strftime("%Y%m%d%H%M%S")
    details = "".join(
        "<ram:SpecifiedDocumentStatus>"
        f"<ram:ReasonCode>{reason_code}</ram:ReasonCode>{f'<ram:Reason>{escape(text)}</ram:Reason>' if text else ''}"
        f"<ram:SequenceNumeric>{rank}</ram:SequenceNumeric></ram:SpecifiedDocumentStatus>"
        for rank, (reason_code, text) in enumerate(reasons, start=1)
    )
    if comment:
        details += (
            f"<ram:SpecifiedDocumentStatus><ram:SequenceNumeric>{len(reasons) + 1}</ram:SequenceNumeric>"
            f"<ram:IncludedNote><ram:Content>{escape(comment)}</ram:Content></ram:IncludedNote>"
            "</ram:SpecifiedDocumentStatus>"
        )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossDomainAcknowledgementAndResponse {_NAMESPACES}>
<rsm:ExchangedDocumentContext>
<ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>REGULATED</ram:ID>
</ram:BusinessProcessSpecifiedDocumentContextParameter>
<ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn.cpro.gouv.fr:1p0:CDV:invoice</ram:ID>
</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>{escape(message_id or f"{number}_{code}_{moment}")}</ram:ID>
<ram:IssueDateTime><udt:DateTimeString format="204">{moment}</udt:DateTimeString></ram:IssueDateTime>
<ram:SenderTradeParty><ram:RoleCode>WK</ram:RoleCode></ram:SenderTradeParty>
<ram:IssuerTradeParty><ram:RoleCode>{given_by}</ram:RoleCode></ram:IssuerTradeParty>
</rsm:ExchangedDocument>
<rsm:AcknowledgementDocument>
<ram:MultipleReferencesIndicator><udt:Indicator>false</udt:Indicator></ram:MultipleReferencesIndicator>
<ram:TypeCode>{305 if code in _OF_TRANSMISSION else 23}</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="204">{moment}</udt:DateTimeString></ram:IssueDateTime>
<ram:ReferenceReferencedDocument><ram:IssuerAssignedID>{escape(number)}</ram:IssuerAssignedID>
<ram:TypeCode>380</ram:TypeCode><ram:ProcessConditionCode>{code}</ram:ProcessConditionCode>{details}
</ram:ReferenceReferencedDocument></rsm:AcknowledgementDocument>
</rsm:CrossDomainAcknowledgementAndResponse>""".encode()
