"""Invented people."""

from __future__ import annotations

import factory

from accounts.models import Profile, User


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"personne{n}")
    first_name = factory.Faker("first_name", locale="fr_FR")
    last_name = factory.Faker("last_name", locale="fr_FR")
    email = factory.LazyAttribute(lambda user: f"{user.username}@exemple.example")
    profile = Profile.AGENT


class PrincipalFactory(UserFactory):
    profile = Profile.PRINCIPAL


class TeacherFactory(UserFactory):
    profile = Profile.TEACHER
