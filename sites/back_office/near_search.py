"""What is nearest to an amount or a UAI that nothing has."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F, Q
from django.db.models.functions import Abs

from licensing.billing.models import Invoice
from licensing.orders.models import Order
from licensing.payments.models import Payment
from schools import uai
from schools.models import School
from sites.back_office import sale_search
from sites.back_office.sale_search import Sales

MAX_NEAR = 5
#: How far an amount may be from another and still be nearly it.
_TOLERANCE = Decimal("0.05")
_UAI_DIGITS = 7


def list_amounts_a_digit_away(amount: Decimal) -> list[Decimal]:
    """Return the amounts with one other digit. Pure."""
    cents = str(int(amount * 100))
    others = {cents[:at] + digit + cents[at + 1 :] for at in range(len(cents)) for digit in "0123456789"}
    return sorted(Decimal(one) / 100 for one in others - {cents} if int(one))


def find_near_sales(amount: Decimal) -> Sales:
    """Return the sales of the nearest amounts, within 5 % or a digit away: at most five amounts. Six queries."""
    low, high = amount * (1 - _TOLERANCE), amount * (1 + _TOLERANCE)
    near = list_amounts_a_digit_away(amount)
    price = Q(total_ttc__range=(low, high)) | Q(total_ttc__in=near)
    paid = Q(size__range=(low, high)) | Q(size__in=near)
    sizes = Payment.objects.alias(size=Abs("amount"))
    found: set[Decimal] = set()
    for rows, path in (
        (Order.objects.filter(price), "total_ttc"),
        (Invoice.objects.filter(price), "total_ttc"),
        (sizes.filter(paid), "size"),
    ):
        by_distance = rows.annotate(found=F(path), distance=Abs(F(path) - amount)).order_by("distance")
        found.update(by_distance.values_list("found", flat=True).distinct()[:MAX_NEAR])
    nearest = sorted(found, key=lambda one: abs(one - amount))[:MAX_NEAR]
    return sale_search.list_sales(
        Invoice.objects.filter(total_ttc__in=nearest),
        Order.objects.filter(total_ttc__in=nearest),
        sizes.filter(size__in=nearest),
    )


def find_near_schools(text: str) -> list[School]:
    """Return the schools whose UAI is nearest to a text: a digit away, else the next ones. At most five, of three."""
    digits = uai.tidy(text)[:_UAI_DIGITS].zfill(_UAI_DIGITS)
    if not (digits.isascii() and digits.isdecimal()):
        return []
    others = {digits[:at] + digit + digits[at + 1 :] for at in range(_UAI_DIGITS) for digit in "0123456789"}
    others |= {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(_UAI_DIGITS - 1)}
    near = School.objects.filter(pk__in=[one + uai.check_letter(one) for one in others]).order_by("pk")
    if found := list(near[:MAX_NEAR]):
        return found
    after = list(School.objects.filter(pk__gt=digits).order_by("pk")[:2])
    before = list(School.objects.filter(pk__lt=digits).order_by("-pk")[:2])
    return sorted([*before, *after], key=lambda one: one.pk)
