"""The collectivities that a school may ask for licences, without a visit to every office.

Those that gave it keys, and those whose territory it is in; only where there is neither, those that have it in their
portfolio (docs/decisions/0147).
"""

from __future__ import annotations

from licensing.entitlements.models import ActivationKey
from schools.folding import fold
from schools.models import School
from schools.territory import find_territory
from tenants.cross_schema import query_all
from tenants.models import Collectivity, CollectivityKind

#: Digits of a SIREN, with which the SIRET of a public school begins.
_SIREN_LENGTH = 9
_PLACES = (CollectivityKind.COMMUNE, CollectivityKind.DEPARTEMENT, CollectivityKind.REGION)


def list_collectivities_to_ask(school: School) -> list[Collectivity]:
    """Return the collectivities that this school may ask, those that gave to it first, then by name."""
    givers = set(
        ActivationKey.objects.filter(school=school, revoked_at=None, entitlement__cancelled_at=None)
        .exclude(entitlement__collectivity=None)
        .values_list("entitlement__collectivity", flat=True)
    )
    found = givers | _find_by_territory(school)
    if not found:
        query = "SELECT school_id FROM {schema}.collectivities_portfolioschool WHERE school_id = %s"
        found = {row.collectivity.pk for row in query_all(query, [school.pk])}
    collectivities = Collectivity.objects.filter(pk__in=found).order_by("name", "pk")
    return sorted(collectivities, key=lambda one: one.pk not in givers)


def _find_by_territory(school: School) -> set[int]:
    """Return those in whose territory the school is; one query, and a few for those of its places' names."""
    places = [fold(place) for place in (school.commune, school.departement, school.region) if place]
    siren = school.siret[:_SIREN_LENGTH]
    found = set()
    for collectivity in Collectivity.objects.filter(kind__in=_PLACES).only("pk", "name", "kind", "siren"):
        name = fold(collectivity.name)
        if any(place in name for place in places) and (territory := find_territory(collectivity)) is not None:
            found |= {collectivity.pk} if territory.list_schools().filter(pk=school.pk).exists() else set()
    if siren:
        found |= set(Collectivity.objects.filter(siren=siren).values_list("pk", flat=True))
    return found
