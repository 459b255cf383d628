"""What is there before the chaos: an office, its token and webhook, schools, and keys with those who enter them."""

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.test import override_settings
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile
from bench.office_data import create_person, create_schools, create_token, open_office, sign_in
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from tenants.models import Collectivity
from webhooks import endpoints

SLUG = "chaos"
_SCHOOLS, _KEYS, _UNITS = 20_000, 150, 2
_LICENCES = 200_000


@dataclass(frozen=True, slots=True)
class KeyToRedeem:
    """A key that was allocated, and the sessions of a principal and a teacher of its school."""

    number: int
    code: str
    principal: dict[str, str]
    teacher: dict[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """What the actors start from."""

    office: Collectivity
    token: str
    pool: int
    #: Schools without an allocation.
    schools: Sequence[str]
    keys: Sequence[KeyToRedeem]


def create_world(receiver: str) -> World:
    """Create everything; `receiver` is the address of the webhook."""
    now = timezone.now()
    schools = [school.uai for school in create_schools(_SCHOOLS)]
    office = open_office(name="Ville du chaos", slug=SLUG)
    pool = orders.grant(collectivity=office, licences=_LICENCES, reason="Mesure", by=None, at=now)
    with tenant_context(office):
        token = create_token()
        with override_settings(WEBHOOKS_PRIVATE_NETWORKS=[ipaddress.ip_network("127.0.0.0/8")]):
            endpoints.add(url=receiver, types=(), by_id=None, at=now)
        allocated = [
            pools.allocate(
                pool_id=pool.pk,
                uai=uai,
                units=_UNITS,
                recipient=f"direction.{number}@exemple.example",
                by=None,
                at=now,
            )
            for number, uai in enumerate(schools[:_KEYS])
        ]
    keys = [_prepare_key(number, allocation) for number, allocation in enumerate(allocated)]
    return World(office, token, pool.pk, schools[_KEYS:], keys)


def _prepare_key(number: int, allocation: Allocation) -> KeyToRedeem:
    key = allocation.key
    sessions = [
        sign_in(create_person(f"{profile.value}.{number}", profile, str(allocation.school_id)), settings.BASE_DOMAIN)
        for profile in (Profile.PRINCIPAL, Profile.TEACHER)
    ]
    return KeyToRedeem(key.pk, unseal_key(key), *sessions)


def in_turn[T](things: Sequence[T], parts: int) -> list[itertools.chain[T]]:
    """Return an iterator over every n-th thing, for each of the parts."""
    return [itertools.chain(things[part::parts]) for part in range(parts)]
