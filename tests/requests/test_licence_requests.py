"""A school asks a collectivity: who may, whom, for what; what the office learns; and how it ends."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry, OfficeSettings
from licensing.pools.exceptions import PoolExhausted
from licensing.pools.models import Allocation
from licensing.requests.school_requests import emails, operations, queries, tasks
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd
from licensing.requests.school_requests.operations import BadRequestSentence, BadRequestUnits
from licensing.requests.school_requests.queries import list_years_to_ask
from mailing import kinds
from mailing.kinds import NoLongerDue
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import EntitlementFactory, KeyFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import mark_redeemed
from tests.refusals import refuses
from tests.requests.asking_school import AskingSchool, accept, open_pool, read, refuse
from tests.waiting_jobs import list_waiting_jobs
from webhooks import endpoints
from webhooks.models import WebhookEvent

DAY = datetime.timedelta(days=1)


def run_note(request, event="created", at=TERM):
    """Do what the worker does in the office's schema."""
    tasks.note_request(request_id=request.pk, event=event, happened_at=at.isoformat())


def test_a_request_is_noted_in_the_office_once_and_its_managers_are_written_to(nimes, jaures):
    manager = MemberFactory().user
    MemberFactory(roles=[Role.BUYER])
    request = jaures.ask()
    [job] = list_waiting_jobs("requests.note_request", schema=nimes.schema_name)
    assert job["args"]["request_id"] == request.pk
    run_note(request)
    run_note(request)
    entry = AuditEntry.objects.get(action="requests.created")
    assert entry.summary.endswith("demande 3\u00a0licences pour 2026-2027.")
    assert (entry.school_id, entry.object_id) == (jaures.school.pk, request.pk)
    [job] = list_waiting_jobs("requests.write_to_managers")
    assert emails.write_to_managers(TERM) == 1
    letter = Message.objects.get(kind=emails.OFFICE_WAITING)
    assert letter.recipient == manager.email
    assert not any(name in entry.summary for name in (jaures.principal.last_name, jaures.principal.email))


def test_the_managers_letter_says_how_many_and_why_it_came(nimes, jaures):
    MemberFactory()
    jaures.ask()
    emails.write_to_managers(TERM)
    email = render_tenant_email(Message.objects.get(kind=emails.OFFICE_WAITING))
    assert email.subject.replace("\u00a0", " ") == "Une école demande 3 licences à la Ville de Nîmes"
    assert "une fois par jour au plus" in email.text
    assert "http://nimes." in email.text
    assert "/demandes/" in email.text


def render_tenant_email(message):
    return kinds.get(message.kind).render(message)


@pytest.mark.slow
def test_managers_are_written_to_once_a_day_and_not_when_nothing_waits(nimes, jaures):
    MemberFactory()
    jaures.ask()
    assert emails.write_to_managers(TERM) == 1
    other = AskingSchool()
    second = other.ask(at=TERM + DAY / 2)
    assert emails.write_to_managers(TERM + DAY / 2) == 0
    assert emails.write_to_managers(TERM + DAY) == 1
    jaures.withdraw(LicenceRequest.objects.get(school=jaures.school))
    other.withdraw(second)
    assert emails.write_to_managers(TERM + 2 * DAY) == 0


def test_the_next_letter_is_queued_for_a_day_after_the_last(nimes, jaures):
    MemberFactory()
    run_note(jaures.ask())
    emails.write_to_managers(TERM)
    emails.queue_office_letter(TERM + DAY / 4)
    jobs = list_waiting_jobs("requests.write_to_managers")
    assert len(jobs) == 1  # the queueing lock: one waits at a time


def test_only_a_verified_principal_of_the_school_asks(nimes, jaures):
    for stranger in (jaures.add_principal(verified=False), PrincipalFactory(), jaures.add_teacher()):
        with refuses("not_principal"):
            jaures.ask(by=stranger)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"units": 0}, "invalid_units"),
        ({"units": -3}, "invalid_units"),
        ({"units": 10**12}, "invalid_units"),
        ({"school_year": 2028}, "invalid_school_year"),
        ({"school_year": 0}, "invalid_school_year"),
        ({"collectivity_id": 0}, "unknown_collectivity"),
        ({"collectivity_id": 10**12}, "unknown_collectivity"),
        ({"reason": "  \n "}, "invalid_reason"),
        ({"reason": "a" * 501}, "invalid_reason"),
        ({"reason": "Voyez www.exemple.example"}, "invalid_reason"),
        ({"reason": "Voyez \u202e ici"}, "invalid_reason"),
    ],
)
def test_what_cannot_be_asked_is_refused(nimes, jaures, fields, refusal):
    with refuses(refusal):
        jaures.ask(**fields)
    assert not LicenceRequest.objects.exists()


@pytest.mark.parametrize(
    "reason",
    [
        "Pour Léa Petit, en CE2.",
        "pour PETIT lea",
        "Mme Petit en a besoin",
        "madame Léa Petit",
        "M. Petit attend depuis lundi",
    ],
)
def test_a_reason_names_no_teacher_of_the_school(nimes, jaures, reason):
    jaures.add_teacher(first_name="Léa", last_name="Petit")
    with pytest.raises(BadRequestSentence, match="Léa Petit"):
        jaures.ask(reason=reason)


def test_a_surname_that_is_a_word_is_let_through(nimes, jaures):
    jaures.add_teacher(first_name="Léa", last_name="Petit")
    assert jaures.ask(reason="Un petit effectif de plus.").is_pending


@pytest.mark.slow
def test_a_second_request_of_a_year_waits_for_the_first_to_end(nimes, jaures):
    request = jaures.ask()
    with refuses("request_open"):
        jaures.ask(by=jaures.add_principal())
    jaures.withdraw(request)
    assert jaures.ask(units=2).units == 2


@pytest.mark.slow
def test_a_school_that_asks_all_day_is_slowed_down(nimes, jaures):
    for _ in range(5):
        jaures.withdraw(jaures.ask())
    with refuses("too_many_licence_requests"):
        jaures.ask()
    assert jaures.ask(at=TERM + DAY).is_pending


@pytest.mark.slow
def test_withdrawing_is_the_school_s_and_only_before_the_answer(nimes, jaures):
    request = jaures.ask()
    with refuses("unknown_request"):
        AskingSchool().withdraw(request)
    refuse(request)
    with refuses("request_answered"):
        jaures.withdraw(request)
    other = jaures.ask()
    assert jaures.withdraw(other).outcome == LicenceRequestEnd.WITHDRAWN
    assert jaures.withdraw(other).ended_at == read(other).ended_at
    run_note(other, "withdrawn")
    assert AuditEntry.objects.get(action="requests.withdrawn").summary.count("retire sa demande") == 1


@pytest.mark.slow
def test_accepting_several_is_one_gift_and_each_principal_hears_of_it(nimes, jaures):
    OfficeSettings.objects.create(sender_name="Éducation, Ville de Nîmes", reply_to="education@nimes.example")
    other, pool = AskingSchool(), open_pool(20)
    requests = [jaures.ask(), other.ask(units=2)]
    accept(pool, *requests)
    assert {one.school_id: one.units for one in Allocation.objects.all()} == {jaures.school.pk: 3, other.school.pk: 2}
    for request, school in zip(requests, (jaures, other), strict=True):
        stored = read(request)
        assert (stored.outcome, stored.accepted_units) == (LicenceRequestEnd.ACCEPTED, request.units)
        assert stored.key.school_id == school.school.pk
        [letter] = list_emails(emails.ACCEPTED, recipient=school.principal.email)
        email = render_email(letter)
        assert "La clé part dans un autre e-mail" in email.text
        assert (email.from_name, email.reply_to) == ("Éducation, Ville de Nîmes", "education@nimes.example")
    assert AuditEntry.objects.filter(action="requests.accepted").count() == 2


@pytest.mark.slow
def test_a_school_with_a_redeemed_key_of_the_pool_has_nothing_to_type(nimes, jaures):
    pool = open_pool(20)
    accept(pool, jaures.ask())
    mark_redeemed(Allocation.objects.get(), jaures.principal)
    request = jaures.ask(units=5, at=TERM + DAY)
    accept(pool, request, units=2)
    assert [one.units for one in Allocation.objects.all()] == [5]
    letter = list_emails(emails.ACCEPTED)[-1]
    text = render_email(letter).text.replace("\u00a0", " ")
    assert "Elles sont déjà dans votre compte" in text
    assert "Vous en aviez demandé 5" in text


@pytest.mark.slow
def test_the_key_goes_to_the_contact_then_the_mailbox_then_who_asked(nimes, jaures):
    without = AskingSchool(email="")
    PortfolioSchoolFactory(school=jaures.school, contact_email="contact@nimes.example")
    third = AskingSchool()
    accept(open_pool(20), jaures.ask(), without.ask(), third.ask())
    assert dict(Allocation.objects.values_list("school_id", "recipient")) == {
        jaures.school.pk: "contact@nimes.example",
        without.school.pk: without.principal.email,
        third.school.pk: third.school.email,
    }


@pytest.mark.slow
def test_who_asked_from_the_school_s_mailbox_gets_one_letter_that_says_both(nimes, jaures):
    jaures.principal.email = jaures.school.email.upper()
    jaures.principal.save(update_fields=["email"])
    accept(open_pool(), jaures.ask(), units=2)
    letter = Message.objects.get(kind="key")
    text = kinds.get(letter.kind).render(letter).text.replace("\xa0", " ")
    assert "Vous aviez demandé 3 licences : c'est ce que nous pouvons donner à votre école." in text
    assert not list_emails(emails.ACCEPTED)


def test_a_pool_of_another_year_or_too_small_gives_nothing(nimes, jaures):
    request, pool = jaures.ask(), open_pool(2)
    with pytest.raises(PoolExhausted):
        accept(pool, request)
    pool.entitlement.last_day = datetime.date(2028, 8, 31)
    pool.entitlement.save(update_fields=["last_day"])
    with refuses("pool_of_another_year"):
        accept(pool, request, units=1)
    pool.pk = 10**12
    with refuses("unknown_pool"):
        accept(pool, request, units=1)
    assert read(request).is_pending
    assert not list_emails(emails.ACCEPTED)


@pytest.mark.parametrize("units", [0, -1, 1001, 10**12])
def test_absurd_numbers_are_not_given(nimes, jaures, units):
    grants = [operations.GrantedUnits(jaures.ask().pk, units)]
    with pytest.raises(BadRequestUnits):
        operations.accept_requests(pool_id=open_pool().pk, grants=grants, by=None, at=TERM)


def test_another_office_neither_accepts_nor_refuses_it(nimes, gard, jaures):
    request = jaures.ask()
    with tenant_context(gard):
        pool = open_pool()
        with refuses("unknown_request"):
            accept(pool, request)
        with refuses("unknown_request"):
            refuse(request)
    assert read(request).is_pending


def test_the_same_request_twice_in_a_list_is_refused(nimes, jaures):
    request = jaures.ask()
    with refuses("unknown_request"):
        accept(open_pool(), request, request)
    with refuses("unknown_request"):
        operations.accept_requests(
            pool_id=open_pool().pk, grants=[operations.GrantedUnits(10**12, 1)], by=None, at=TERM
        )


def test_a_refusal_says_why_and_the_principal_reads_it_and_may_reply(nimes, jaures):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    request = jaures.ask()
    with pytest.raises(BadRequestSentence):
        refuse(request, sentence=" ")
    refuse(request)
    [letter] = list_emails(emails.REFUSED, recipient=jaures.principal.email)
    email = render_email(letter)
    assert "Le budget de l'année est engagé." in email.text
    assert "ne peut pas les donner et vous répond" in email.text
    assert "parce que vous avez fait cette demande" in email.text
    assert (email.from_name, email.reply_to) == ("Ville de Nîmes", "education@nimes.example")
    assert AuditEntry.objects.get(action="requests.refused").object_id == request.pk


def test_one_licence_is_refused_in_the_singular(nimes, jaures):
    refuse(jaures.ask(units=1))
    [letter] = list_emails(emails.REFUSED, recipient=jaures.principal.email)
    assert "ne peut pas la donner et vous répond" in render_email(letter).text


def test_the_letters_say_what_they_say_only_while_it_is_true(nimes, jaures):
    MemberFactory()
    request = jaures.ask()
    emails.write_to_managers(TERM)
    jaures.withdraw(request)
    with pytest.raises(NoLongerDue):
        render_tenant_email(Message.objects.get(kind=emails.OFFICE_WAITING, state=MessageState.QUEUED))


def test_an_answer_is_final_whoever_writes(nimes, jaures):
    request = jaures.ask()
    refuse(request)
    rows = LicenceRequest.objects.filter(pk=request.pk)
    for change in ({"ended_at": None, "outcome": "", "answer": ""}, {"outcome": "withdrawn"}, {"ended_at": TERM}):
        with pytest.raises(IntegrityError, match="answered"), transaction.atomic():
            rows.update(**change)
    rows.update(reason="")


@pytest.mark.slow
def test_events_carry_counts_and_never_a_word(nimes, jaures):
    endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM)
    first, second = jaures.ask(), AskingSchool().ask(units=2)
    run_note(first)
    accept(open_pool(), first, units=2)
    refuse(second)
    events = {event.type: event.data for event in WebhookEvent.objects.filter(type__startswith="request.")}
    basic = {"request": first.pk, "uai": jaures.school.pk, "school_year": 2027, "units": 3}
    allocation = Allocation.objects.get()
    assert events["request.created"] == basic
    assert events["request.accepted"] == basic | {"accepted": 2, "allocation": allocation.pk}
    assert set(events["request.refused"]) == set(basic)


def test_what_waits_ends_with_its_school_year(nimes, jaures):
    request = jaures.ask()
    assert operations.expire_requests(at=datetime.datetime(2027, 8, 31, 21, 0, tzinfo=datetime.UTC)) == 0
    assert operations.expire_requests(at=datetime.datetime(2027, 8, 31, 22, 30, tzinfo=datetime.UTC)) == 1
    assert read(request).outcome == LicenceRequestEnd.EXPIRED
    assert operations.expire_requests(at=datetime.datetime(2027, 9, 2, tzinfo=datetime.UTC)) == 0


@pytest.mark.parametrize(
    ("month", "years"),
    [(9, [2027]), (3, [2027]), (4, [2027, 2028]), (6, [2027, 2028]), (7, [2028]), (8, [2028])],
)
def test_the_years_that_may_be_asked_for(month, years):
    assert list_years_to_ask(datetime.date(2026 if month > 8 else 2027, month, 15)) == years


def list_names(school):
    with schema_context("public"):
        return [one.name for one in queries.list_collectivities_to_ask(school)]


def test_a_school_may_ask_those_of_its_territory(nimes, gard):
    assert list_names(SchoolFactory()) == ["Département du Gard", "Ville de Nîmes"]
    elsewhere = {"commune": "Rennes", "commune_code": "35238", "departement": "Ille-et-Vilaine"}
    elsewhere["departement_code"] = "035"
    assert list_names(SchoolFactory(**elsewhere)) == []
    assert list_names(SchoolFactory(**elsewhere, siret="21300189400019")) == ["Ville de Nîmes"]


def test_a_school_may_ask_those_that_gave_it_keys_first_and_else_those_that_list_it(nimes, gard):
    elsewhere = {"commune": "Rennes", "commune_code": "35238", "departement": "Ille-et-Vilaine"}
    elsewhere["departement_code"] = "035"
    school = SchoolFactory(**elsewhere)
    with tenant_context(gard):
        PortfolioSchoolFactory(school=school)
    assert list_names(school) == ["Département du Gard"]
    KeyFactory(entitlement=EntitlementFactory(collectivity=nimes), school=school)
    assert list_names(school) == ["Ville de Nîmes"]
    assert list_names(SchoolFactory()) == ["Département du Gard", "Ville de Nîmes"]
