"""Turn a list into an order of the next school year, with its quote."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue import pricing
from licensing.catalogue.exceptions import NotOnSale
from licensing.orders import operations as orders
from licensing.orders.models import Order
from licensing.renewals.exceptions import NothingToOrder, RenewalChanged
from licensing.renewals.models import Renewal, RenewalLine, RenewalOrder, RenewalState
from licensing.renewals.operations.renewal_lock import lock_renewal, save_change
from licensing.renewals.renewal_list import RenewalList
from licensing.requests.school_years import format_school_year
from tenants.models import Collectivity


@transaction.atomic
def order_renewal(
    *, collectivity: Collectivity, year: int, version: int, units: int, by: User, at: datetime.datetime
) -> Order:
    """Draft the order of what the list lacks, issue its quote, and keep the list as it is ordered; return the order.

    `units`: how many the page showed. Raises `RenewalChanged`, `RenewalNotOpen`, `WrongRenewalState`, `NothingToOrder`,
    `NotOnSale` or `BadQuantity`, having changed nothing.
    """
    found = lock_renewal(year, version, RenewalState.OPEN, at=at)
    if found.to_order != units:
        raise RenewalChanged(
            f"La liste demande maintenant {formatting.pluralize(found.to_order, 'licence')}, et non "
            f"{formatting.number(units)}. Rien n'est commandé : relisez-la."
        )
    if not units:
        raise NothingToOrder("Vos écoles ont déjà toutes ces licences, ou vos lots les ont libres : rien à commander.")
    check_on_sale(year, date_in_paris(at))
    draft = orders.create_collectivity_draft(collectivity=collectivity, units=units, by=by, at=at, ends_in=year)
    order = orders.issue_quote(order_id=draft.pk, by=by, at=at)
    renewal = found.renewal
    assert renewal is not None  # noqa: S101 - locked, so made
    RenewalOrder.objects.filter(renewal=renewal, replaced_at=None).update(replaced_at=at)
    RenewalOrder.objects.create(renewal=renewal, order=order, ordered_at=at, ordered_by_id=by.pk)
    keep_list(renewal, found)
    ordered = formatting.pluralize(units, "licence")
    save_change(found, action="ordered", summary=f"devis {order.quote_number} établi pour {ordered}", by=by, at=at)
    return order


def check_on_sale(year: int, day: datetime.date) -> None:
    """Raise `NotOnSale` unless the licences of that school year have a price on that day."""
    if find_year_on_sale(year, day) is None:
        raise NotOnSale(
            f"Les tarifs {format_school_year(year)} ne sont pas encore publiés : votre liste est gardée, commandez-la "
            "dès qu'ils le sont."
        )


def find_year_on_sale(year: int, day: datetime.date) -> int | None:
    """Return the school year if its licences have a price on that day, None where the year on sale is another."""
    found = pricing.get_year_on_sale(day, year)
    return year if found is not None and found.ends_on.year == year and pricing.list_bands(found) else None


def keep_list(renewal: Renewal, found: RenewalList) -> None:
    """Keep every number of the list: from now on it is what was bought, whatever becomes of the running year."""
    RenewalLine.objects.filter(renewal=renewal, typed=False).delete()
    kept = (row for row in found.rows if row.units and not row.typed)
    RenewalLine.objects.bulk_create(
        RenewalLine(renewal=renewal, school_id=row.uai, units=row.units, typed=False) for row in kept
    )
