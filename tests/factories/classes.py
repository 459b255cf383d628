"""Classes and pupils. A class hangs on a seat that a teacher holds; made in the schema of a collectivity."""

from __future__ import annotations

import factory
from django.utils import timezone

from licensing.classes import passwords, words
from licensing.classes.models import Classroom, PupilAccount
from licensing.subscriptions.models import Seat, SeatMode, Subscription

#: What every pupil of the factory types; hashed once.
PASSWORD = "bateau-soleil-pomme"
_stored: list[str] = []


def stored_password() -> str:
    """Return what is stored of `PASSWORD`."""
    if not _stored:
        _stored.append(passwords.store(PASSWORD))
    return _stored[0]


class SubscriptionFactory(factory.django.DjangoModelFactory):
    """What a principal redeemed; its seats are made by who needs them."""

    class Meta:
        model = Subscription

    key = factory.SubFactory(
        "tests.factories.licensing.KeyFactory",
        redeemed_at=factory.LazyFunction(timezone.now),
        redeemed_by=factory.SubFactory("tests.factories.accounts.PrincipalFactory"),
    )
    principal = factory.SelfAttribute("key.redeemed_by")
    school = factory.SelfAttribute("key.school")
    size = factory.SelfAttribute("key.units")
    opened_at = factory.LazyFunction(timezone.now)


class SeatFactory(factory.django.DjangoModelFactory):
    """A seat that a teacher holds; free with `holder=None, held_since=None, mode=""`."""

    class Meta:
        model = Seat

    subscription = factory.SubFactory(SubscriptionFactory)
    number = factory.Sequence(lambda n: n + 1)
    holder = factory.SubFactory("tests.factories.accounts.TeacherFactory")
    held_since = factory.LazyFunction(timezone.now)
    mode = SeatMode.AUTOMATIC


class ClassroomFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Classroom

    seat = factory.SubFactory(SeatFactory)
    code = factory.LazyFunction(words.draw_code)
    name = "CE1 B"
    opened_at = factory.LazyFunction(timezone.now)


class PupilFactory(factory.django.DjangoModelFactory):
    """A pupil whose password is `PASSWORD`."""

    class Meta:
        model = PupilAccount

    classroom = factory.SubFactory(ClassroomFactory)
    number = factory.Sequence(lambda n: n % 30 + 1)
    word = factory.LazyAttribute(lambda pupil: words.pupils()[pupil.number])
    password = factory.LazyFunction(stored_password)
    created_at = factory.LazyFunction(timezone.now)
    password_set_at = factory.SelfAttribute("created_at")
