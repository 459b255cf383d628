"""The office's home page and a school's timeline."""

import datetime

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from collectivities.models import AuditEntry
from collectivities.operations.portfolio import set_contact
from imports.enums import ImportState
from imports.models import ImportRow, SpreadsheetImport
from jobs.housekeeping import LATE_AFTER
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import get_school_year, unseal_key
from licensing.orders import operations as orders
from licensing.pools.checks import Demand
from licensing.pools.key_emails import resend_many
from licensing.pools.operations import allocate_many
from licensing.pools.reductions import revoke
from mailing.models import Message, MessageState
from schools.wording import format_school_name
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed

NOW = timezone.now()
SOME = {"latitude": 43.8, "longitude": 4.3}


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def viewer(nimes, office):
    user = UserFactory()
    MemberFactory(user=user, roles=["viewer"])
    return office("nimes", user)


@pytest.fixture
def officer(nimes, office):
    return office("nimes", MemberFactory(roles=["data_officer"]).user)


def page(client, path="/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.slow
def test_an_office_that_has_given_nothing_sees_its_first_steps_and_no_empty_list(nimes, viewer):
    shown = page(viewer)
    assert "Les trois premières étapes" in shown
    assert "Rien n’attend de vous" not in shown


@pytest.mark.slow
def test_each_figure_is_a_link_to_its_list(pool, viewer):
    allocate_units(pool, SchoolFactory(), units=3, at=NOW)
    subscription = mark_redeemed(allocate_units(pool, SchoolFactory(), units=4, at=NOW), PrincipalFactory())
    seat = subscription.seats.first()
    seat.holder, seat.held_since, seat.mode = TeacherFactory(last_name="Zzyzx"), NOW, "manual"
    seat.save()
    copy_everywhere()
    shown = collapse(page(viewer))
    headline = shown[shown.index('class="headline"') : shown.index('id="a-faire"')]
    assert headline.count("<a ") == 4
    listed = f"/attributions/?year={get_school_year(pool.entitlement.last_day)}"
    for url, words in (
        ("/lots/", "20\u00a0licences"),
        (listed, "7\u00a0données"),
        (f"{listed}&amp;situation=redeemed", "4\u00a0activées"),
        (f"{listed}&amp;situation=redeemed&amp;sort=-held", "1\u00a0utilisée"),
    ):
        assert f'<a href="{url}">{words}</a>' in headline
    assert f'<a href="{listed}&amp;situation=reached">Remises</a>' in shown
    assert "35\u00a0% des achetées" in shown
    assert "Zzyzx" not in shown
    assert "style=" not in shown


@pytest.mark.slow
def test_pending_work_comes_first(pool, nimes, office):
    client = office("nimes", MemberFactory(roles=["manager"]).user)
    allocate_units(pool, SchoolFactory(), units=9, at=NOW)
    long_ago = NOW - datetime.timedelta(days=16)
    Entitlement.objects.update(first_day=long_ago.date())
    Message.objects.update(state=MessageState.SENT, sent_at=long_ago)
    lost = allocate_units(pool, SchoolFactory(), units=10, at=NOW)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.FAILED, reason="Boîte inconnue.")
    shown = page(client)
    assert "1\u00a0clé n’est pas activée 15 jours après son envoi." in shown
    assert "1\u00a0e-mail n’est pas arrivé à son école." in shown
    assert "Le lot «\u00a0Lot A\u00a0» n’a plus que 1\u00a0licence libre." in shown
    assert shown.index("À faire") < shown.index("De l’achat à la classe")


@pytest.mark.slow
def test_e_mails_that_do_not_leave_are_shown_with_since_when(pool, viewer):
    now = timezone.now()  # when the module was loaded may be long ago
    allocate_units(pool, SchoolFactory(), units=3, at=now)
    assert "de partir depuis" not in page(viewer)
    since = now - LATE_AFTER - datetime.timedelta(minutes=5)
    Message.objects.update(state=MessageState.DEFERRED, stalled_since=since, due_at=now + LATE_AFTER)
    when = date_format(timezone.localtime(since), "j F à H:i")
    shown = collapse(page(viewer))
    assert f"1 e-mail de votre bureau attend de partir depuis le {when}. Rien n’est perdu&nbsp;: il partira" in shown
    # Planned for later, or put off by the recipient's server.
    Message.objects.update(stalled_since=None)
    assert "de partir depuis" not in page(viewer)


@pytest.mark.slow
def test_the_latest_events_show_no_contact_s_address_or_telephone(pool, viewer):
    school = PortfolioSchoolFactory().school
    allocated = allocate_units(pool, school, units=3, at=NOW)
    set_contact(
        uai=school.pk,
        contact_name="Léa Martin",
        contact_email="lea@ecole.example",
        contact_phone="04 66 00 00 00",
        classes=3,
        by=None,
        at=NOW,
    )
    Message.objects.update(state=MessageState.SENT, sent_at=NOW)
    resend_many(allocation_ids=[allocated.pk], by=None, at=NOW)
    shown = page(viewer)
    events = shown[shown.index('id="derniers"') : shown.index("Tout le journal")]
    assert events.count(format_school_name(school.name)) >= 3
    for private in ("@", "04 66", "04\u00a066", "Martin"):
        assert private not in events


@pytest.mark.slow
def test_an_import_to_check_is_listed(pool, officer):
    SpreadsheetImport.objects.create(
        pool=pool, filename="ecoles.xlsx", size=1, sha256="0" * 64, state=ImportState.CHECKED, created_at=NOW
    )
    assert "1\u00a0tableau attend votre vérification" in page(officer)


@pytest.mark.slow
def test_schools_new_in_the_directory_are_listed(pool, officer):
    table = SpreadsheetImport.objects.create(
        pool=pool, filename="a.csv", size=1, state=ImportState.APPLIED, created_at=NOW, applied_at=NOW
    )
    school = SchoolFactory()
    ImportRow.objects.create(import_id=table.pk, number=2, uai=school.uai, verdict="error", awaited=True)
    shown = page(officer)
    assert "1\u00a0école attendue est maintenant dans" in shown
    assert "Reprendre pour vérification" in shown


@pytest.mark.slow
def test_the_timeline_of_a_school_is_in_order(pool, viewer, django_assert_num_queries):
    school = SchoolFactory(name="Ecole Jean Jaurès")
    PortfolioSchoolFactory(school=school, contact_name="Mme Martin", contact_email="martin@exemple.example")
    allocation = allocate_units(pool, school, units=3, at=NOW - datetime.timedelta(days=2))
    revoke(allocation_id=allocation.pk, by=None, at=NOW - datetime.timedelta(days=1))
    allocate_units(pool, school, units=1, at=NOW)
    shown = page(viewer, f"/ecoles/{school.uai}/")
    for words in ("École Jean Jaurès", "Mme Martin", school.email, "Clé d’activation, pour"):
        assert words in shown
    story = shown[shown.index("Son histoire") :]
    assert story.index("1\u00a0licence attribuée") < story.index("reprises") < story.index("3\u00a0licences attribuées")
    assert unseal_key(allocation.key) not in shown
    assert AuditEntry.objects.filter(school_id=school.uai).count() == 3
    # One of them names who may send the key to the new contact.
    with django_assert_num_queries(17):
        page(viewer, f"/ecoles/{school.uai}/")


def test_a_school_that_does_not_exist_is_a_404(nimes, viewer):
    assert viewer.get("/ecoles/0300001X/").status_code == 404


@pytest.mark.slow
def test_a_bulk_update_does_not_bury_the_other_events(pool, viewer):
    demands = [Demand(uai=SchoolFactory().uai, units=1, recipient=f"ecole{n}@exemple.example") for n in range(12)]
    allocate_units(pool, SchoolFactory(name="École Seule"), units=1, at=NOW)
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=NOW)
    shown = page(viewer)
    assert "École Seule" in shown
    assert "ecole3@exemple.example" not in shown
