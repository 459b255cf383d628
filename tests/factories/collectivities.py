"""Factories of a collectivity's members and portfolio, in the current schema."""

import factory
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import Member, PortfolioSchool


class MemberFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Member

    user = factory.SubFactory("tests.factories.accounts.UserFactory")
    roles = factory.LazyFunction(lambda: [Role.MANAGER])
    joined_at = factory.LazyFunction(timezone.now)


class PortfolioSchoolFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = PortfolioSchool

    school = factory.SubFactory("tests.factories.schools.SchoolFactory")
    added_at = factory.LazyFunction(timezone.now)
