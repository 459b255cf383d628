"""The collectivities that gave a school its licences, and how to reach them to ask for more."""

from __future__ import annotations

from dataclasses import dataclass

from django_tenants.utils import tenant_context

from collectivities.queries import OfficeContact, get_office_contact, get_office_settings
from licensing.entitlements.overview import SubscriptionCard
from tenants.models import Collectivity


@dataclass(frozen=True, kw_only=True, slots=True)
class Giver:
    """A collectivity, and whom its letters say to ask."""

    name: str
    contact: OfficeContact


def list_givers(cards: list[SubscriptionCard]) -> list[Giver]:
    """Return those who gave these licences, each once. Three queries a collectivity at most."""
    found: dict[int, Collectivity] = {}
    for card in cards:
        collectivity = card.subscription.key.entitlement.collectivity
        if collectivity is not None:
            found[collectivity.pk] = collectivity
    givers = []
    for collectivity in found.values():
        with tenant_context(collectivity):
            givers.append(Giver(name=collectivity.name, contact=get_office_contact(get_office_settings())))
    return givers
