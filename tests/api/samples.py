"""For each address of the API that names a thing: such a thing, made in the collectivity that is entered."""

from __future__ import annotations

from django.utils import timezone

from mailing.models import Message
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory


def school():
    return {"uai": SchoolFactory().uai}


def remit_school():
    return {"uai": SchoolInRemitFactory().school_id}


def message():
    now = timezone.now()
    row = Message.objects.create(kind="key", recipient="a@exemple.example", created_at=now, due_at=now)
    return {"pk": row.pk}


#: Addresses whose thing is everybody's: no other collectivity can own it. With a verb: that verb alone makes it one's
#: own.
NOBODYS = {"api:school", "PUT api:remit_school"}

#: The address's name → what makes its thing. An address that wants something and is not here fails the test.
SAMPLES = {
    "api:school": school,
    "api:remit_school": remit_school,
    "api:message": message,
}
