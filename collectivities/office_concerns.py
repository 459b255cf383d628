"""Why the operator should look at an office: e-mails that did not arrive, and nobody in it a week after the invitation.

Noted in the public schema by a job of the office, so that the operator's page asks the offices concerned and no other.
Why: docs/decisions/0177.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Min
from django_tenants.utils import get_public_schema_name

from collectivities.models import Invitation, Member
from core.connections import connection
from jobs import due
from mailing.models import LOST, Message
from tenants.models import Collectivity, OfficeConcern

#: The task that looks at an office.
CHECK_OFFICE = "collectivities.check_office"
#: After this long, delivery failures concern nobody any more.
FAILURE_WINDOW = datetime.timedelta(days=14)
#: After this long, a first manager who has not signed in may have lost the invitation.
INVITATION_GRACE = datetime.timedelta(days=7)
#: After this long, an office with a concern is looked at again: it may be over.
_NEXT_LOOK = datetime.timedelta(days=1)


def schedule_check(when: datetime.datetime) -> None:
    """Have the current schema's office looked at, from `when` on. In the causing transaction."""
    due.schedule(CHECK_OFFICE, connection.schema_name, when)


def schedule_check_of_lost(_messages: Sequence[Message], at: datetime.datetime) -> None:
    """Have the office looked at whose messages were lost; does nothing in the public schema, which is no office's."""
    if connection.schema_name != get_public_schema_name():
        schedule_check(at)


@transaction.atomic
def check_office(*, at: datetime.datetime) -> set[str]:
    """Note what the operator should look at in the current schema's office; return the kinds of `OfficeConcern`.

    Schedules the next look where there is something, or may be later.
    """
    # One look at a time: what an earlier one has read must not replace what this one finds.
    office = Collectivity.objects.select_for_update(no_key=True).get(schema_name=connection.schema_name)
    found = set()
    if Message.objects.filter(state__in=LOST, created_at__gt=at - FAILURE_WINDOW).exists():
        found.add(OfficeConcern.Kind.LOST_MESSAGES.value)
    if not Member.objects.active().exists():
        invited = Invitation.objects.aggregate(first=Min("created_at"))["first"]
        if invited is not None and invited <= at - INVITATION_GRACE:
            found.add(OfficeConcern.Kind.EMPTY.value)
        elif invited is not None:
            # A job may be a moment early by its own clock.
            schedule_check(invited + INVITATION_GRACE)
    OfficeConcern.objects.filter(collectivity=office).exclude(kind__in=found).delete()
    concerns = [OfficeConcern(collectivity=office, kind=kind) for kind in sorted(found)]
    OfficeConcern.objects.bulk_create(concerns, ignore_conflicts=True)
    if found:
        schedule_check(at + _NEXT_LOOK)
    return found
