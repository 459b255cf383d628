"""The pages about reminders, at both widths: a pool's, its school's, a second one in a week, and the off switch."""

import datetime

from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from licensing.pools.emails import build_stop_url
from licensing.reminders.models import Reminder, ReminderStop
from schools.models import HolidayZone, SchoolHoliday
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.host_client import HostClient
from tests.pools.actions import allocate_units

#: Of the picture.
WINDOW = {"width": 1040, "height": 760}


def get_next_tuesday(day):
    """Return the next Tuesday, on which letters leave."""
    return day + datetime.timedelta(days=(1 - day.weekday()) % 7 or 7)


def test_the_pages_about_reminders_have_no_problems(committing, site):
    now = timezone.now()
    tuesday = get_next_tuesday(timezone.localdate())
    SchoolHoliday.objects.create(zone=HolidayZone.C, name="Vacances d'hiver", first_day=tuesday, last_day=tuesday)
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=120, reason="Essai", name="Rentrée 2026", by=None, at=now)
        for number in range(4):
            school = SchoolFactory(name=f"Ecole élémentaire publique Jean Jaurès {number}")
            given = allocate_units(pool, school, units=3, at=now)
            Reminder.objects.create(allocation=given, school=school, cause="unredeemed", step=10, planned_for=tuesday)
        stopped = allocate_units(pool, SchoolFactory(), units=3, at=now)
        ReminderStop.objects.create(school_id=stopped.school_id, at=now)
        user = MemberFactory(roles=[Role.MANAGER]).user
        stop_path = "/" + build_stop_url(given.pk).split("/", 3)[3]
    client = HostClient("nimes.peps.localhost")
    client.force_login(user)
    session = client.session
    session["host"] = f"{client.host}:{site.port}"
    session.save()
    visit = site.person(session=session.session_key, slug="nimes")
    found = {}
    for path in ("/lots/", f"/lots/{pool.pk}/relances/", f"/ecoles/{given.school_id}/"):
        visit.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visit)
        if "relances" in path:
            visit.page.set_viewport_size(WINDOW)
            keep_picture(visit.page, "bureau-relances")
    visit.open(f"/lots/{pool.pk}/relances/", slug="nimes")
    visit.page.get_by_label("Relancer automatiquement").uncheck()
    visit.page.get_by_role("button", name="Enregistrer les réglages").click()
    expect(visit.page.get_by_text("rien n’est prévu")).to_be_visible()
    found["off"] = find_problems_at_both_widths(visit)
    visitor = site.person()
    for path in (stop_path, "/relances/arreter/rien/"):
        visitor.open(path)
        found[path] = find_problems_at_both_widths(visitor)
    assert_no_problems(found)
