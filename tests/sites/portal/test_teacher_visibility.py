"""Visibility of a school's teachers: only verified principals see them, on any page or in any e-mail.

The other half of `test_principal_verification`: there, what opens the list; here, everything that does not.
"""

import io
import re
import zipfile

import pytest
from django.urls import reverse
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from core.exceptions import DomainError
from licensing.entitlements import operations
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.pools.models import Allocation
from mailing import kinds
from mailing.kinds import NoLongerDue
from mailing.models import Message, MessageState
from schools.models import Affiliation
from tests.access import routes
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.sites.portal.my_account_page import PAGE

#: Last names that occur on no page.
NAMES = ("Zyxwéla", "Vutsrôm", "Qponâl")
#: Skipped: signing out, and slow pages made from the directory alone.
PASSED_BY = {"account_logout", "imports:template", "api:schema"}


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def school(nimes):
    return SchoolFactory(name="École Jean Jaurès", postal_code="30000", commune="Nîmes")


@pytest.fixture
def teachers(school):
    """One who chose the school, one who holds a seat, one who typed the school by hand."""
    listed, manual, near = (
        TeacherFactory(last_name=name, email=f"{name[:3].lower()}.secret@exemple.example") for name in NAMES
    )
    AffiliationFactory(user=listed, school=school)
    AffiliationFactory(user=manual)
    Affiliation.objects.create(
        user=near, name="Ecole J. Jaurès", address="x", postal_code="30000", city="Nîmes", country="France", since=TERM
    )
    return listed, manual, near


def find_teachers(content):
    """Return which teachers a page or an e-mail names."""
    return [word for word in (*NAMES, ".secret@") if word.lower() in content.lower()]


def pages(client, urlconf, *numbers, uai=""):
    """Return every page that opens, by URL: without arguments, and with these ids."""
    found = {}
    for route in routes.list_routes(urlconf):
        if route.name in PASSED_BY:
            continue
        kinds_of_arguments = (
            [{}]
            if not route.arguments
            else [{"pk": number} for number in numbers]
            if route.arguments == {"pk"}
            else [{"uai": uai}]
            if route.arguments == {"uai"}
            else []
        )
        for arguments in kinds_of_arguments:
            address = reverse(route.name, urlconf=urlconf, kwargs=arguments or None)
            answer = client.get(address)
            if answer.status_code == 200 and not answer.streaming:
                found[address] = text_of(answer.content)
    return found


def text_of(content):
    """Return the text of a response, including the cells of a workbook."""
    if not content.startswith(b"PK"):
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return " ".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


def render_outbox():
    """Return every message of the current schema's outbox, rendered."""
    written = []
    for message in Message.objects.all():
        try:
            rendered = kinds.get(message.kind).render(message)
        except NoLongerDue:
            continue
        written.append(f"{message.recipient} {message.about} {rendered.subject} {rendered.text} {rendered.html}")
    return written


@pytest.mark.slow
def test_a_collectivity_that_gives_its_own_address_sees_no_teacher(nimes, school, teachers, portal, office):
    """An import sends the key to the collectivity's own mailbox; redeeming it shows no teacher."""
    listed, manual, near = teachers
    with tenant_context(nimes):
        confirm_and_apply(upload_and_parse(PoolFactory(capacity=50), schools_csv((school, 3, "mairie@nimes.example"))))
        allocation = Allocation.objects.select_related("key").get()
        assert allocation.recipient == "mairie@nimes.example"
        Message.objects.update(state=MessageState.SENT, sent_at=TERM)
    code = unseal_key(allocation.key)

    # Any account that chose the school.
    stranger = AffiliationFactory(user=PrincipalFactory(), school=school).user
    portal.force_login(stranger)
    portal.post(f"{PAGE}cle/", {"cle": code})
    subscription = Subscription.objects.get(principal=stranger)
    with schema_context("public"):
        operations.claim(code=code, by=manual, at=TERM)
    seat = Seat.objects.get(holder=manual)

    seen = pages(portal, routes.PORTAL, seat.pk, subscription.pk)
    assert PAGE in seen
    assert "1 sur 3" in seen[PAGE]
    assert {address: find_teachers(content) for address, content in seen.items() if find_teachers(content)} == {}
    # Actions for verified principals are refused.
    for address, typed in (
        ("attribuer/", {"abonnement": subscription.pk, "enseignant": listed.pk}),
        ("enseignants/", {"uai": school.pk, "ajouter": near.pk}),
        (f"retirer/{seat.pk}/", {"enseignant": listed.pk}),
    ):
        answer = portal.post(f"{PAGE}{address}", typed, headers={"HX-Request": "true"})
        assert find_teachers(answer.content.decode()) == []
        assert not Seat.objects.filter(holder__in=[listed, near]).exists()
    # E-mails to them, the school and the collectivity name no teacher either, nor does withdrawing the seat.
    portal.post(f"{PAGE}direction/", {"uai": school.pk})
    portal.post(f"{PAGE}retirer/{seat.pk}/", {"enseignant": manual.pk})
    assert not Seat.objects.filter(holder=manual).exists()
    with schema_context("public"):
        assert [
            find_teachers(one) for one in render_outbox() if find_teachers(one) and not one.startswith(manual.email)
        ] == []
    with tenant_context(nimes):
        assert [find_teachers(one) for one in render_outbox() if find_teachers(one)] == []
        assert [
            find_teachers(entry.summary) for entry in AuditEntry.objects.all() if find_teachers(entry.summary)
        ] == []
        agent = MemberFactory(roles=list(Role.values)).user
    browser = office("nimes", agent)
    seen = pages(browser, routes.OFFICE, allocation.pk, uai=school.pk)
    assert f"/ecoles/{school.pk}/" in seen
    assert {address: find_teachers(content) for address, content in seen.items() if find_teachers(content)} == {}


@pytest.mark.slow
def test_an_unverified_principal_sees_no_teacher_on_any_page(school, teachers, portal):
    AffiliationFactory(user=PrincipalFactory(), school=school, verified_at=TERM, verified_by="mailbox")
    portal.force_login(AffiliationFactory(user=PrincipalFactory(), school=school).user)
    seen = pages(portal, routes.PORTAL)
    assert len(seen) > 10
    assert {address: find_teachers(content) for address, content in seen.items() if find_teachers(content)} == {}


@pytest.mark.slow
def test_a_verified_principal_sees_the_teachers(school, teachers, portal):
    """Control: once verified, the same pages do show the teachers."""
    portal.force_login(
        AffiliationFactory(user=PrincipalFactory(), school=school, verified_at=TERM, verified_by="mailbox").user
    )
    shown = find_teachers(pages(portal, routes.PORTAL)[PAGE])
    assert re.sub("é|ô|â", "?", " ".join(shown)) == "Zyxw?la Qpon?l .secret@"


def test_guessed_ids_reveal_no_teacher_or_pupil(school, teachers, portal):
    portal.force_login(AffiliationFactory(user=PrincipalFactory(), school=school).user)
    for teacher in teachers:
        answer = portal.post(
            f"{PAGE}enseignants/", {"uai": school.pk, "ajouter": teacher.pk}, headers={"HX-Request": "true"}
        )
        assert answer.status_code == 409
        assert find_teachers(answer.content.decode()) == []
    with pytest.raises(DomainError):
        operations.release(seat_id=1, by=PrincipalFactory(), at=TERM)
