"""« Adresses à corriger »: what is proposed, what is resent, what is learnt, and who may."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from bounces.models import RefusedAddress
from collectivities.capabilities import Role
from collectivities.models import AuditEntry, PortfolioSchool
from licensing.orders import operations as orders
from licensing.pools import key_emails
from licensing.pools.bulk_views import build_corrections, list_undelivered
from licensing.pools.models import Allocation
from mailing import refusals
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.dispatch import drain
from mailing.mime import build_message_id, parse_message_id
from mailing.models import Message, MessageState
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.guide.scenario import page_text
from tests.pools.actions import allocate_units, mark_redeemed

PAGE, ACT = "/attributions/adresses/", "/attributions/adresses/corriger/"
WRONG = "zloa@exemple.example"
REASON = "Cette adresse n'existe pas : corrigez-la et renvoyez le message."


def bounce(allocation):
    Message.objects.filter(topic_id=allocation.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)


@pytest.fixture
def lost(pool, now):
    """Create an allocation whose key bounced."""

    def make(recipient=WRONG, **fields):
        allocation = allocate_units(pool, SchoolFactory(**fields), units=2, recipient=recipient, at=now)
        bounce(allocation)
        return allocation

    return make


def get_corrections(now):
    return build_corrections(list(list_undelivered(now).order_by("pk")))


def build_form(*pairs, **extra):
    ids = [str(allocation.pk) for allocation, _ in pairs]
    return {"ids": ids, "ticked": ids, "recipient": [address for _, address in pairs], **extra}


def list_queued():
    return sorted(Message.objects.filter(state=MessageState.QUEUED).values_list("recipient", flat=True))


@pytest.mark.slow
def test_the_mailbox_of_the_directory_is_proposed_then_the_contact_then_nothing(lost, now):
    first, second, third = lost(), lost(), lost(recipient="ce.0300009z@exemple.example")
    PortfolioSchoolFactory(school=second.school, contact_email="directrice@exemple.example")
    refusals.refuse({second.school.email: REASON}, at=now)
    type(third.school).objects.filter(pk=third.school_id).update(email="CE.0300009Z@exemple.example")
    found = [(one.proposed, one.source, one.reason) for one in get_corrections(now)]
    assert found == [
        (first.school.email, "directory", REASON),
        ("directrice@exemple.example", "portfolio", REASON),
        ("", "", REASON),
    ]


@pytest.mark.slow
def test_what_is_to_be_corrected_is_read_in_as_many_queries_for_one_as_for_many(lost, now, django_assert_num_queries):
    lost()
    with django_assert_num_queries(7):
        get_corrections(now)
    for _ in range(4):
        lost()
    with django_assert_num_queries(7):
        assert len(get_corrections(now)) == 5


@pytest.mark.slow
@pytest.mark.parametrize("number", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_many_keys_leave_for_their_schools_by_one_click(nimes, manager, now, django_assert_max_num_queries, number):
    pool = orders.grant(collectivity=nimes, licences=200, reason="Essai", by=None, at=now)
    schools = [SchoolFactory() for _ in range(number)]
    for school in schools:
        allocate_units(pool, school, units=1, recipient=f"faux.{school.uai}@exemple.example", at=now)
    Message.objects.update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    keys = dict(Allocation.objects.values_list("school_id", "key_id"))
    page = manager.get(PAGE)
    form = build_form(*[(one.allocation, one.proposed) for one in page.context["corrections"]])
    preview = manager.post(ACT, form)
    assert f"{number} clés partent aux adresses corrigées" in page_text(preview)
    assert "Les e-mails partent aussitôt et ne se rattrapent pas" in page_text(preview)
    assert list_queued() == []
    with django_assert_max_num_queries(60):
        manager.post(ACT, form | {"confirmed": "1"})
    assert list_queued() == sorted(school.email for school in schools)
    assert dict(Allocation.objects.values_list("school_id", "key_id")) == keys
    emptied = page_text(manager.get(PAGE))
    assert "Rien à corriger" in emptied
    assert "0 clé n'est" not in emptied


@pytest.mark.slow
def test_the_corrected_address_is_learnt(manager, lost, now):
    first, second, outside = lost(), lost(), lost()
    for one in (first, second):
        PortfolioSchoolFactory(school=one.school, contact_email=WRONG, contact_name="Mme Zola")
    words = "e-mail part aussitôt et ne se rattrape pas"
    assert words in page_text(manager.post(ACT, build_form((first, "zola@exemple.example"))))
    assert words in page_text(manager.get(f"/attributions/{first.pk}/"))
    form = build_form(
        (first, "zola@exemple.example"), (second, second.school.email), (outside, "ailleurs@exemple.example")
    )
    manager.post(ACT, form | {"confirmed": "1"})
    contacts = dict(PortfolioSchool.objects.values_list("school_id", "contact_email"))
    # The directory's own mailbox needs no contact; a school outside of the portfolio does not enter it.
    assert contacts == {first.school_id: "zola@exemple.example", second.school_id: ""}
    assert set(PortfolioSchool.objects.values_list("contact_name", flat=True)) == {"Mme Zola"}
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-5:].count("keys.resent") == 3
    assert actions[-5:].count("portfolio.contact_updated") == 2


@pytest.mark.slow
def test_each_row_is_refused_by_itself(manager, lost, now):
    fine, redeemed, bad, refused = lost(), lost(), lost(), lost()
    mark_redeemed(redeemed, PrincipalFactory())
    refusals.refuse({"mort@exemple.example": REASON}, at=now)
    form = build_form(
        (fine, "a@exemple.example"), (redeemed, "b@exemple.example"), (bad, "pas une adresse"),
        (refused, "MORT@exemple.example"),
    )  # fmt: skip
    answer = page_text(manager.post(ACT, form | {"confirmed": "1"}, follow=True))
    assert "1 clé renvoyée à l'adresse corrigée" in answer
    assert "« pas une adresse » n'est pas une adresse e-mail" in answer
    assert "L'adresse MORT@exemple.example a été refusée" in answer
    assert "La clé a été activée" in answer
    assert list_queued() == ["a@exemple.example"]
    # A second click sends the same again, by the same hand, and nothing twice: the first letter is called off.
    manager.post(ACT, form | {"confirmed": "1"})
    assert list_queued() == ["a@exemple.example"]


@pytest.mark.slow
def test_an_address_that_is_written_where_none_is_proposed_needs_no_tick(manager, lost):
    blank, proposed = lost(recipient="ce.0300009z@exemple.example"), lost()
    type(blank.school).objects.filter(pk=blank.school_id).update(email="")
    page = manager.get(PAGE).content.decode()
    assert f'id="ticked-{blank.pk}"' not in page
    assert f'id="ticked-{proposed.pk}"' in page
    assert f'<input type="hidden" name="ticked" value="{blank.pk}">' in page
    assert page.count("Aucune autre adresse connue") == 1
    ids = [str(blank.pk), str(proposed.pk)]
    form = {"ids": ids, "ticked": [str(blank.pk)], "recipient": ["directrice@exemple.example", proposed.school.email]}
    assert "1 clé part à l'adresse corrigée" in page_text(manager.post(ACT, form))
    manager.post(ACT, form | {"confirmed": "1"})
    assert list_queued() == ["directrice@exemple.example"]


@pytest.mark.slow
def test_a_manager_finds_the_phone_of_the_school_beside_the_address(manager, lost):
    lost(phone="04 66 00 00 01")
    assert "Tél. 04 66 00 00 01" in page_text(manager.get(PAGE))


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"ids": ["0"], "ticked": ["0"], "recipient": ["a@exemple.example"]},
        {"ids": ["1000000000000"], "ticked": ["1000000000000"], "recipient": ["a@exemple.example"]},
        {"ids": ["x", "²"], "ticked": ["x", "²"], "recipient": ["a@exemple.example"] * 2},
    ],
)
def test_rows_that_are_none_change_nothing(manager, lost, form):
    lost()
    answer = manager.post(ACT, form | {"confirmed": "1"}, follow=True)
    assert "Cochez au moins une école" in page_text(answer)
    assert list_queued() == []


@pytest.mark.slow
def test_a_key_of_another_office_is_not_found(office, member, lost, gard):
    allocation = lost()
    with tenant_context(gard):
        stranger = UserFactory()
        MemberFactory(user=stranger, roles=[Role.MANAGER])
    answer = office("gard", stranger).post(ACT, build_form((allocation, "a@exemple.example"), confirmed="1"))
    assert answer.status_code == 302
    assert list_queued() == []


@pytest.mark.parametrize(("recipient", "is_same"), [(WRONG.upper(), True), ("zola@exemple.example", False)])
def test_an_address_that_did_not_change_is_pointed_out(manager, lost, recipient, is_same):
    allocation = lost()
    shown = page_text(manager.post(ACT, build_form((allocation, recipient))))
    assert ("l'adresse est la même qu'avant" in shown) is is_same


@pytest.mark.parametrize(("role", "is_shown"), [(Role.DATA_OFFICER, True), (Role.VIEWER, False)])
def test_who_prepares_lists_reads_where_contacts_are_updated(office, member, lost, role, is_shown):
    lost()
    assert ("?but=portfolio" in office("nimes", member(role)).get(PAGE).content.decode()) is is_shown


@pytest.mark.slow
def test_a_viewer_reads_what_did_not_arrive_and_changes_nothing(viewer, lost):
    allocation = lost()
    page = viewer.get(PAGE)
    assert WRONG in page_text(page)
    assert 'name="recipient"' not in page.content.decode()
    assert viewer.post(ACT, build_form((allocation, "a@exemple.example"), confirmed="1")).status_code == 403


@pytest.mark.slow
def test_a_key_to_a_refused_address_is_undelivered_until_a_hand_writes(manager, pool, now, sink):
    refusals.refuse({WRONG: REASON}, at=now)
    allocation = allocate_units(pool, SchoolFactory(), units=1, recipient=WRONG, at=now)
    drain()
    [one] = get_corrections(now)
    message = Message.objects.get(topic_id=allocation.pk)
    assert one.held_message_id == message.pk
    assert f"/messages/{message.pk}/" in manager.get(PAGE).content.decode()
    for words in (f"Le message part pour {WRONG}", "Ce message n'attend plus votre décision"):
        answer = manager.post(f"/messages/{message.pk}/ecrire/", follow=True)
        assert words in page_text(answer)
    assert AuditEntry.objects.filter(action="messages.overruled").count() == 1
    assert drain() == 1
    assert not list_undelivered(now).exists()


@pytest.mark.slow
def test_a_bounce_is_in_the_journal_of_the_school(pool, now, sink):
    allocation = allocate_units(pool, SchoolFactory(), units=1, recipient=WRONG, at=now)
    drain()
    message = Message.objects.get()
    reference = parse_message_id(build_message_id(message))
    report = DeliveryReport(reference, ReportedFate.BOUNCED, f"{REASON} Réponse du serveur : 550 {WRONG}", (WRONG,))
    for _ in range(2):
        record_reports([report], at=timezone.now())
    entry = AuditEntry.objects.get(action="messages.bounced")
    assert (entry.school_id, entry.actor_name) == (allocation.school_id, "Pep's")
    assert entry.summary == f"E-mail « Clé d'activation » non remis à {WRONG} : {REASON}"
    assert RefusedAddress.objects.get().address == WRONG
    assert [one.allocation for one in get_corrections(now)] == [allocation]


@pytest.mark.slow
def test_the_home_page_leads_there(manager, lost):
    lost()
    assert re.search(rf'href="{PAGE}"', manager.get("/").content.decode())
    assert re.search(rf'href="{PAGE}"', manager.get("/attributions/").content.decode())


@pytest.mark.slow
def test_correcting_twice_at_once_learns_one_address(manager, lost, now):
    allocation = lost()
    PortfolioSchoolFactory(school=allocation.school)
    for address in ("a@exemple.example", "b@exemple.example"):
        key_emails.readdress_many(recipients={allocation.pk: address}, by=PrincipalFactory(), at=now)
    assert PortfolioSchool.objects.get().contact_email == "b@exemple.example"
    assert list_queued() == ["b@exemple.example"]
