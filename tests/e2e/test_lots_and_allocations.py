"""The office's pool and allocation pages, with licences in every state, at both widths."""

import datetime

from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from mailing.models import Message, MessageState
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.host_client import HostClient
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent


def arrange(collectivity):
    """Allocate to forty schools: keys issued, redeemed, with seats held, a failed e-mail, an old allocation."""
    now = timezone.now()
    pool = orders.grant(collectivity=collectivity, licences=120, reason="Essai", name="Rentrée 2026", by=None, at=now)
    for number in range(40):
        school = SchoolFactory(
            name=f"Ecole élémentaire publique Jean Jaurès {number}",
            latitude=43.6 + (number * 7 % 11) / 15,
            longitude=3.9 + (number * 5 % 13) / 12,
        )
        if number % 4 == 3:
            PortfolioSchoolFactory(school=school)
            continue
        allocation = allocate_units(pool, school, units=3, at=now - datetime.timedelta(days=20 if number == 0 else 1))
        if number % 4 == 2:
            subscription = mark_redeemed(allocation, PrincipalFactory())
            for seat in subscription.seats.all()[: number % 3]:
                seat.holder, seat.held_since, seat.mode = TeacherFactory(), now, "manual"
                seat.save()
    copy_everywhere()
    mark_sent()
    Message.objects.filter(topic_id=Allocation.objects.order_by("pk")[1].pk).update(
        state=MessageState.BOUNCED, **BOUNCE_FIELDS
    )
    user = UserFactory(first_name="Camille")
    MemberFactory(user=user, roles=[Role.MANAGER])
    return user


def test_pool_and_allocation_pages_have_no_problems(committing, site):
    with tenant_context(committing):
        user = arrange(committing)
        allocation = Allocation.objects.order_by("pk")[1]
    client = HostClient("nimes.peps.localhost")
    client.force_login(user)
    session = client.session
    session["host"] = f"{client.host}:{site.port}"
    session.save()
    visit = site.person(session=session.session_key, slug="nimes")
    found = {}
    for path in (
        "/",
        "/lots/",
        "/attributions/",
        f"/attributions/{allocation.pk}/",
        f"/ecoles/{allocation.school_id}/",
        "/attributions/attribuer/?q=jaures 7",
        f"/attributions/attribuer/?ecole={allocation.school_id}",
    ):
        visit.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
    assert_no_problems(found)
