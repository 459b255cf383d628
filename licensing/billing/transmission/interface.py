"""Interface of invoice platforms: the protocol and its data types. Pure: no network, no database."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from licensing.billing.models import PlatformState


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceParcel:
    """An invoice or a credit note as it is sent: its file, and what platforms ask beside it."""

    # Ours, unique: the same parcel sent twice has the same.
    tracking_id: str
    number: str
    # `InvoiceKind` and `BuyerKind`.
    kind: str
    buyer_kind: str
    issued_on: datetime.date
    seller_siret: str
    # Empty where the buyer has none; the SIREN is also given of those with a SIRET.
    buyer_siret: str
    buyer_siren: str
    # « P2026-000010.pdf »; the Factur-X PDF, and the XML that it embeds.
    file_name: str
    pdf: bytes = field(repr=False)
    xml: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransmission:
    """What was sent, and the number under which the platform keeps it."""

    tracking_id: str
    # The platform's number of the deposit.
    reference: str
    sent_at: datetime.datetime
    # Of the invoice concerned; empty and None for a report.
    number: str
    issued_on: datetime.date | None
    seller_siret: str


class DepositVerdict(enum.StrEnum):
    """What the platform decided of what was sent: the file, not the payer's own decision on the invoice."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One state of an invoice on its platform."""

    state: PlatformState
    # In the platform's words; empty where it gives none.
    reason: str
    at: datetime.datetime
    # By what the platform knows it: recorded once. At most 120 characters.
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStory:
    """All that the platform tells of what was sent, in any order."""

    verdict: DepositVerdict
    # Why it was rejected, or a remark; may be empty.
    message: str = ""
    entries: tuple[StoryEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateAmount:
    """An amount at a VAT rate, in euros, VAT included; the rate in percent."""

    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredState:
    """A state that we tell the platform: « encaissée », with what was received at each VAT rate."""

    tracking_id: str
    state: PlatformState
    at: datetime.datetime
    made_at: datetime.datetime
    amounts: tuple[RateAmount, ...]
    # Why an amount went back; empty where all came in.
    comment: str
    # `InvoiceKind` of the invoice, and its parties; the buyer's numbers are empty where it has none.
    invoice_kind: str
    seller_name: str
    buyer_name: str
    buyer_siret: str
    buyer_siren: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The sales and payments of a period, declared to the tax authority (e-reporting). Both days are of the period."""

    tracking_id: str
    begins_on: datetime.date
    ends_on: datetime.date
    # As frozen when the report was made.
    content: dict[str, Any]


class InvoicePlatform(Protocol):
    """A platform. Its methods call it, outside any transaction, and change nothing in the database.

    They raise `PlatformSilent` where its answer is unknown, or `PlatformRefuses` where it said no.
    """

    def send(self, parcel: InvoiceParcel) -> str:
        """Send an invoice; return the platform's number of the deposit. Idempotent by its tracking id."""

    def fetch_story(self, transmission: SentTransmission) -> PlatformStory:
        """Fetch the whole story of what was sent."""

    def declare_state(self, transmission: SentTransmission, declared: DeclaredState) -> str:
        """Tell the platform a state of an invoice that it took; return its number. Idempotent by the tracking id.

        Raises `NotSupported`.
        """

    def report(self, declaration: Declaration) -> str:
        """Declare a period; return the platform's number. Idempotent by the tracking id. Raises `NotSupported`."""
