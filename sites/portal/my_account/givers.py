"""The collectivities that gave a school its licences, and how to reach them to ask for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django_tenants.utils import tenant_context

from collectivities.queries import get_office_settings

if TYPE_CHECKING:
    from sites.portal.my_account.roster import SchoolRoster
    from tenants.models import Collectivity


@dataclass(frozen=True, kw_only=True, slots=True)
class Giver:
    """A collectivity, and the address that answers the letters of its keys; empty where it has set none."""

    name: str
    email: str


def list_givers(shown: SchoolRoster) -> list[Giver]:
    """Return those who gave licences of the school year, each once. Two queries a collectivity."""
    found: dict[int, Collectivity] = {}
    for card in shown.cards:
        collectivity = card.subscription.key.entitlement.collectivity
        if collectivity is not None:
            found[collectivity.pk] = collectivity
    givers = []
    for collectivity in found.values():
        with tenant_context(collectivity):
            givers.append(Giver(name=collectivity.name, email=get_office_settings().reply_to))
    return givers
