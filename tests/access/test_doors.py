"""Every door of the portal and of an office: who passes, who does not, and nothing of one office at another's.

The doors are found by walking both URL configurations: a new view fails here until the table names it.
"""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_tenants.utils import tenant_context

from collectivities import audit
from collectivities.models import Role
from tests.access import doors, samples, table
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, SchoolInRemitFactory

OFFICE_DOORS = [door for door in doors.doors(doors.OFFICE) if (door.label or "").startswith("office")]
WITH_A_THING = [door for door in OFFICE_DOORS if door.wants]
SIGNED_IN_DOORS = [
    (urlconf, door)
    for urlconf in (doors.PORTAL, doors.OFFICE)
    for door in doors.doors(urlconf)
    if door.label == "signed in"
]
PUPIL_DOORS = [door for door in doors.doors(doors.PORTAL) if door.label == "pupil"]


def named(door):
    return door.name if isinstance(door, doors.Door) else str(door)


def address(door, kwargs=None, urlconf=doors.OFFICE):
    return reverse(door.name, urlconf=urlconf, kwargs=kwargs or None)


def sample(door):
    return samples.SAMPLES[door.name]() if door.wants else {}


@pytest.mark.parametrize(
    ("urlconf", "expected"), [(doors.PORTAL, table.PORTAL), (doors.OFFICE, table.OFFICE)], ids=["portal", "office"]
)
def test_every_view_carries_the_policy_that_the_table_gives_it(urlconf, expected):
    # What is opened to tokens has a table of its own, in tests.api.test_doors.
    carried = {name: door.label for name, door in doors.by_name(urlconf) if door.label != "api: token"}
    assert carried == expected


def test_every_address_that_names_a_thing_has_a_sample():
    assert {door.name for door in WITH_A_THING} - set(samples.SAMPLES) == set()


@pytest.mark.parametrize("door", OFFICE_DOORS, ids=named)
def test_a_visitor_is_sent_to_sign_in(door, office, nimes):
    answer = office("nimes").get(address(door, sample(door)))
    if answer.status_code == 302:
        assert answer["Location"].startswith("/connexion/?next=")
    else:
        assert answer.status_code in (401, 403)


@pytest.mark.parametrize(("urlconf", "door"), SIGNED_IN_DOORS, ids=named)
def test_what_is_for_people_is_closed_to_visitors(urlconf, door, portal, office, nimes):
    browser = portal if urlconf == doors.PORTAL else office("nimes")
    kwargs = dict.fromkeys(door.wants, 1) or None
    answer = browser.get(reverse(door.name, urlconf=urlconf, kwargs=kwargs))
    assert answer.status_code in (302, 401, 403)
    if answer.status_code == 302:
        assert answer["Location"].startswith("/connexion/?next=")


@pytest.mark.parametrize("door", PUPIL_DOORS, ids=named)
def test_what_is_for_pupils_is_closed_to_visitors_and_to_grown_ups(door, portal):
    for user in (None, UserFactory(is_superuser=True, is_staff=True)):
        if user is not None:
            portal.force_login(user)
        answer = portal.get(address(door, urlconf=doors.PORTAL))
        assert (answer.status_code, answer["Location"]) == (302, "/eleve/")


@pytest.mark.parametrize("door", OFFICE_DOORS, ids=named)
def test_a_member_of_another_collectivity_learns_nothing(door, office, nimes, gard):
    with tenant_context(gard):
        stranger = MemberFactory(roles=list(Role.values)).user
    kwargs = sample(door)
    for method in ("get", "post"):
        answer = getattr(office("nimes", stranger), method)(address(door, kwargs))
        assert answer.status_code in (403, 404)


@pytest.mark.parametrize("door", OFFICE_DOORS, ids=named)
def test_whoever_left_is_a_stranger(door, office, nimes):
    gone = MemberFactory(roles=list(Role.values), left_at="2026-11-01T00:00:00Z").user
    assert office("nimes", gone).get(address(door, sample(door))).status_code in (403, 404)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("door", OFFICE_DOORS, ids=named)
def test_each_role_passes_where_the_table_says_and_nowhere_else(door, role, office, nimes):
    browser = office("nimes", MemberFactory(roles=[role]).user)
    answer = browser.get(address(door, sample(door)))
    if not door.roles or role in door.roles:
        assert answer.status_code not in (401, 403, 404)
        assert answer.status_code < 500
        assert not answer.headers.get("Location", "").startswith("/connexion/")
    else:
        assert answer.status_code == 403
        assert browser.post(address(door, sample(door))).status_code == 403


@pytest.mark.parametrize("door", [door for door in WITH_A_THING if door.name not in samples.NOBODYS], ids=named)
def test_a_thing_of_another_collectivity_does_not_exist(door, office, nimes, gard):
    with tenant_context(gard):
        kwargs = sample(door)
    browser = office("nimes", MemberFactory(roles=list(Role.values)).user)
    seen = browser.get(address(door, kwargs)).status_code
    done = browser.post(address(door, kwargs), {"recipient": "a@exemple.example"}, follow=True).status_code
    assert {seen, done} <= {404, 405}
    assert 404 in (seen, done)


def test_a_schools_page_tells_nothing_of_what_another_collectivity_wrote(office, nimes, gard):
    with tenant_context(gard):
        row = SchoolInRemitFactory(contact_email="secret@gard.example")
        audit.record(action="a.b", by=None, at=TERM, summary="Un secret du Gard", school_id=row.school_id)
        samples.allocation()
    page = office("nimes", MemberFactory().user).get(f"/ecoles/{row.school_id}/").content.decode()
    assert "secret" not in page.lower()


def test_somebody_without_any_office_is_a_stranger_too(office, nimes):
    assert office("nimes", UserFactory()).get("/").status_code == 404


@pytest.mark.parametrize("path", ["/ecoles/%00/", "/ecoles/%00/contact/", "/attributions/attribuer/?ecole=%00"])
def test_an_address_with_a_nul_names_nothing(path, office, nimes):
    """PostgreSQL's texts hold none: asked for one it breaks down, and so did we."""
    assert office("nimes", MemberFactory(roles=list(Role.values)).user).get(path).status_code == 404
