"""Factories of subscriptions, seats, classes and pupils, to use in the schema of a collectivity."""

import factory
from django.utils import timezone

from licensing.classes import passwords, words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements.models import Seat, SeatMode, Subscription

#: Password of every pupil of the factory; hashed once.
PASSWORD = "bateau-soleil-pomme"
_stored: list[str] = []


def get_password_hash() -> str:
    """Return the stored hash of `PASSWORD`."""
    if not _stored:
        _stored.append(passwords.encode(PASSWORD))
    return _stored[0]


class SubscriptionFactory(factory.django.DjangoModelFactory):
    """A redeemed subscription, without its seats."""

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
    """A seat held by a teacher; free with `holder=None, held_since=None, mode=""`."""

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
    code = factory.LazyFunction(words.generate_code)
    name = "CE1 B"
    opened_at = factory.LazyFunction(timezone.now)


class PupilFactory(factory.django.DjangoModelFactory):
    """A pupil whose password is `PASSWORD`."""

    class Meta:
        model = PupilAccount

    classroom = factory.SubFactory(ClassroomFactory)
    number = factory.Sequence(lambda n: n % 30 + 1)
    word = factory.LazyAttribute(lambda pupil: words.list_words("pupils")[pupil.number])
    code = factory.SelfAttribute("classroom.code")
    password = factory.LazyFunction(get_password_hash)
    created_at = factory.LazyFunction(timezone.now)
    password_set_at = factory.SelfAttribute("created_at")
