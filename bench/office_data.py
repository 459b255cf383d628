"""An office, its schools and a token of its API, as several measures need them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from api import tokens
from api.scopes import TokenScope
from collectivities.operations import offices
from schools.models import School
from schools.uai import check_letter

if TYPE_CHECKING:
    from tenants.models import Collectivity


def create_schools(count: int) -> list[School]:
    """Create as many schools of one commune, each with an e-mail address; return them."""
    now = timezone.now()
    numbers = [f"0{300_000 + number:06d}" for number in range(count)]
    return School.objects.bulk_create(
        School(
            uai=number + check_letter(number),
            name=f"École élémentaire n° {number}",
            commune="Nîmes",
            email=f"ce.{number}@ac-exemple.example",
            changed_at=now,
        )
        for number in numbers
    )


def open_office(*, name: str = "Ville de Nîmes", slug: str = "nimes") -> Collectivity:
    """Open a commune's office under this slug."""
    return offices.open_office(
        name=name,
        kind="commune",
        siren="213001894",
        slug=slug,
        key_prefix=slug.upper(),
        manager_email=f"chef@{slug}.example",
        by=None,
        at=timezone.now(),
    )


def create_token() -> str:
    """Create a token of the current office with all scopes, valid for a day; return its secret."""
    now = timezone.now()
    made = tokens.create(
        name="Mesure", scopes=TokenScope.values, expires_at=now + datetime.timedelta(days=1), by=None, at=now
    )
    return made.secret
