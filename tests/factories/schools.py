"""Factories of schools and affiliations."""

import itertools

import factory
from django.utils import timezone

from schools.models import Affiliation, School

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
#: All numbers of the département of Nîmes: a school with another would lie elsewhere by its UAI.
_numbers = itertools.cycle(range(300_000, 310_000))


def next_uai() -> str:
    """Return a valid UAI of département 030, unique among ten thousand."""
    digits = f"0{next(_numbers):06d}"
    return digits + LETTERS[int(digits) % 23]


class SchoolFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = School

    uai = factory.LazyFunction(next_uai)
    name = factory.Sequence(lambda n: f"École élémentaire n° {n}")
    type = "Ecole"
    sector = "Public"
    postal_code = "30000"
    commune = "Nîmes"
    commune_code = "30189"
    departement = "Gard"
    departement_code = "030"
    has_nursery = False
    has_elementary = True
    email = factory.LazyAttribute(lambda school: f"ce.{school.uai.lower()}@ac-exemple.example")
    changed_at = factory.LazyFunction(timezone.now)


class AffiliationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Affiliation

    user = factory.SubFactory("tests.factories.accounts.UserFactory")
    school = factory.SubFactory(SchoolFactory)
    since = factory.LazyFunction(timezone.now)
