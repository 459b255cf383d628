"""The seller, a school year on sale, and its prices, with the guide's figures."""

import datetime
from decimal import Decimal

from django.utils import timezone

from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear, Seller
from licensing.catalogue.operations import get_last_day, get_licence_product

#: (from, to, price TTC); the last is open-ended, at a price per class.
TIERS = (
    (1, 1, "49.00"),
    (2, 5, "199.00"),
    (6, 10, "349.00"),
    (11, 15, "479.00"),
    (16, None, "30.00"),
)
#: (from this number of licences, unit price HT)
BANDS = ((1, "35.00"), (100, "30.00"), (500, "25.00"), (1000, "20.00"))


def put_on_sale(
    *, ends_on: datetime.date = datetime.date(2027, 8, 31), sold_from: datetime.date = datetime.date(2026, 6, 1)
) -> SchoolYear:
    """Put a school year on sale, with the guide's tiers and the collectivities' bands; return it."""
    year, _ = SchoolYear.objects.update_or_create(
        ends_on=ends_on,
        defaults={"starts_on": datetime.date(ends_on.year - 1, 9, 1), "sold_from": sold_from},
    )
    sold = {"product": get_licence_product(), "school_year": year}
    # Prices that the test has set are kept.
    kept = set(SchoolTier.objects.filter(**sold).values_list("from_classes", flat=True))
    SchoolTier.objects.bulk_create(
        SchoolTier(**sold, from_classes=first, to_classes=last, price_ttc=Decimal(price))
        for first, last, price in TIERS
        if first not in kept
    )
    kept = set(PriceBand.objects.filter(**sold).values_list("from_units", flat=True))
    PriceBand.objects.bulk_create(
        PriceBand(**sold, from_units=first, unit_ht=Decimal(price)) for first, price in BANDS if first not in kept
    )
    return year


def sell_next_year(year: SchoolYear, *, sold_from: datetime.date) -> SchoolYear:
    """Put the year after `year` on sale, and keep `year` on sale beside it; return the next year."""
    SchoolYear.objects.filter(pk=year.pk).update(sold_until=year.ends_on)
    return put_on_sale(ends_on=year.ends_on.replace(year=year.ends_on.year + 1), sold_from=sold_from)


def get_seller() -> Seller:
    """Return the seller, created at the first call."""
    return Seller.objects.get_or_create(
        pk=1,
        defaults={
            "name": "Les Cahiers du Préau",
            "legal_form": "SAS au capital de 50 000 €",
            "address": "12 rue des Écoles",
            "postal_code": "75005",
            "city": "Paris",
            "siret": "12345678200010",
            "vat_number": "FR11123456782",
            "rcs": "RCS Paris 123 456 782",
            "email": "factures@preau.example",
            "phone": "01 02 03 04 05",
            "iban": "FR7630006000011234567890189",
            "bic": "AGRIFRPP",
        },
    )[0]


def open_shop(at: datetime.datetime | None = None, *, ends_on: datetime.date | None = None) -> SchoolYear:
    """Create the seller and put a school year on sale at that moment, now by default.

    `ends_on`: its last day; without it the year lasts for months from that moment.
    """
    at = at or timezone.now()
    get_seller()
    return put_on_sale(
        ends_on=ends_on or get_last_day(at.date() + datetime.timedelta(days=120)),
        sold_from=at.date() - datetime.timedelta(days=300),
    )
