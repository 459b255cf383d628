"""Correct the addresses of keys that did not arrive: resend the same keys, and learn the contacts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from django.db import transaction

from accounts.models import User
from collectivities.operations.portfolio import ContactChange, lock_contacts, write_portfolio
from licensing.exceptions import LicensingError
from licensing.pools import checks
from licensing.pools.exceptions import RecipientRefused
from licensing.pools.models import Allocation
from licensing.pools.operations.key_emails import resend_to
from licensing.pools.operations.results import AllocationActionResult
from mailing.refusals import find_refused_addresses, normalise_address


@transaction.atomic
def readdress_many(*, recipients: Mapping[int, str], by: User, at: datetime.datetime) -> list[AllocationActionResult]:
    """Resend these keys, by allocation, to the corrected addresses, in one transaction; return a result for each.

    The address becomes the contact of the school, where that is in the portfolio. A key that was redeemed or revoked
    meanwhile, an address that is none, or that a server refused, is refused by itself.
    """
    results: list[AllocationActionResult] = []
    corrected: dict[int, str] = {}
    refused = find_refused_addresses(recipients.values())
    for allocation_id, address in recipients.items():
        try:
            corrected[allocation_id] = _check_address(address, refused)
        except LicensingError as refusal:
            results.append(AllocationActionResult(allocation_id, refusal))
    resent = resend_to(recipients=corrected, by=by, at=at)
    _learn_contacts([result.allocation_id for result in resent if result.refusal is None], by=by, at=at)
    return [*results, *resent]


def _check_address(text: str, refused: Mapping[str, str]) -> str:
    """Return a corrected address. Raises `BadAddress`, or `RecipientRefused` for one that would be held."""
    address = checks.clean_address(text)
    if reason := refused.get(normalise_address(address)):
        raise RecipientRefused(f"L'adresse {address} a été refusée. {reason}")
    return address


def _learn_contacts(allocation_ids: Iterable[int], *, by: User, at: datetime.datetime) -> None:
    """Have the next keys of these schools sent to the same addresses; the directory's own needs no contact."""
    found = Allocation.objects.filter(pk__in_array=list(allocation_ids)).order_by("pk")
    addresses = {
        uai: "" if checks.is_official_mailbox(recipient, official) else recipient
        for uai, recipient, official in found.values_list("school_id", "recipient", "school__email")
    }
    known = lock_contacts(sorted(addresses))
    changes = {uai: ContactChange({"contact_email": addresses[uai]}) for uai in known}
    write_portfolio(entries=changes, by=by, at=at, one_by_one=True)
