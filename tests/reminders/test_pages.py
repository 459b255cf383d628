"""The pages about reminders: a pool's, its school's, and the off switch of a letter."""

import datetime
import re

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from jobs import due
from licensing.pools.emails import build_stop_url
from licensing.pools.operations import PLAN_REMINDERS
from licensing.reminders import operations
from licensing.reminders.models import Reminder, ReminderPolicy, ReminderStop
from licensing.reminders.queries import get_policy
from mailing.models import Message
from schools import calendar
from schools.models import HolidayZone, SchoolHoliday
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.reminders.actions import give, list_plan, plan_at
from tests.tiers import sampled

pytestmark = pytest.mark.slow

FORM = {"is_enabled": "on", "unredeemed_days": "7, 21", "unused_days": "20"}


@pytest.fixture
def manager(nimes, office):
    return office("nimes", MemberFactory(user=UserFactory(), roles=[Role.MANAGER]).user)


@pytest.fixture
def viewer(nimes, office):
    return office("nimes", MemberFactory(user=UserFactory(), roles=[Role.VIEWER]).user)


@pytest.fixture
def planned(pool):
    allocation = give(pool)
    plan_at(TERM)
    return allocation


def text(answer):
    return re.sub(
        r"\s+", " ", answer.content.decode().replace("\xa0", " ").replace("\u202f", " ").replace("&nbsp;", " ")
    )


def test_the_page_of_a_pool_shows_what_is_planned(planned, pool, manager):
    page = text(manager.get(f"/lots/{pool.pk}/relances/"))
    assert "Clé non activée après 10, 25 et 45 jours" in page
    assert "vendredi 4 décembre 2026 : 1 école" in page
    assert planned.recipient in page
    assert "Clé non activée depuis 10 jours" in page
    assert "Enregistrer les réglages" in page


def test_the_page_says_from_when_the_reminders_of_a_new_gift_are_known(pool, manager):
    pages, none = (f"/lots/{pool.pk}/relances/", "/lots/"), "Aucune relance n’est prévue"
    for page in pages:
        assert none in text(manager.get(page))
    give(pool)
    for page in pages:
        shown = text(manager.get(page))
        assert "seront prévues le 24 novembre 2026 à 11:00, une heure après l’envoi des clés" in shown
        assert none not in shown
    manager.post(f"/lots/{pool.pk}/relances/regler/", {"unredeemed_days": "10"})
    for page in pages:
        shown = text(manager.get(page))
        assert "sont arrêtées" in shown
        assert "seront prévues" not in shown


@pytest.mark.small
def test_a_gift_that_leaves_later_is_planned_for_after_it(pool, manager):
    give(pool, send_on=datetime.date(2026, 12, 1))
    Message.objects.update(state="queued")
    assert "seront prévues le 1er décembre 2026 à 09:00" in text(manager.get(f"/lots/{pool.pk}/relances/"))


def test_once_planned_the_page_says_no_more_of_it(planned, pool, manager):
    assert due.take(PLAN_REMINDERS, at=TERM + datetime.timedelta(hours=1))
    page = text(manager.get(f"/lots/{pool.pk}/relances/"))
    assert "seront prévues" not in page
    # Another lot's gift says nothing of this one.
    give(PoolFactory(), at=timezone.now())
    assert "seront prévues" not in text(manager.get(f"/lots/{pool.pk}/relances/"))


def test_who_does_not_manage_reads_and_changes_nothing(planned, pool, viewer):
    page = text(viewer.get(f"/lots/{pool.pk}/relances/"))
    assert "vendredi 4 décembre 2026 : 1 école" in page
    assert "Enregistrer" not in page
    assert "Annuler" not in page
    for path in (f"/lots/{pool.pk}/relances/regler/", f"/lots/{pool.pk}/relances/annuler/", "/relances/1/annuler/"):
        assert viewer.post(path, FORM).status_code == 403
    assert not ReminderPolicy.objects.exists()


def test_the_policy_is_changed_and_the_plan_with_it(planned, pool, manager):
    answer = manager.post(f"/lots/{pool.pk}/relances/regler/", FORM)
    assert answer["Location"] == f"/lots/{pool.pk}/relances/"
    policy = get_policy(pool.pk)
    assert (policy.is_enabled, policy.unredeemed_days, policy.unused_days) == (True, [7, 21], 20)
    assert not policy.writes_in_october
    entry = AuditEntry.objects.get(action="reminders.policy_changed")
    assert "clé non activée après 7 et 21 jours" in entry.summary
    # A second click changes nothing more.
    manager.post(f"/lots/{pool.pk}/relances/regler/", FORM)
    assert AuditEntry.objects.filter(action="reminders.policy_changed").count() == 1


def test_the_page_promises_no_holidays_that_it_does_not_know(planned, pool, manager):
    path = f"/lots/{pool.pk}/relances/"
    SchoolHoliday.objects.all().delete()
    assert "le calendrier des vacances scolaires n’est pas encore connu" in text(manager.get(path))
    day = timezone.localdate()
    SchoolHoliday.objects.create(zone=HolidayZone.C, first_day=day, last_day=day, name="Vacances")
    assert "ni pendant les vacances scolaires de la zone de l’école" in text(manager.get(path))


def test_reminders_are_switched_off_and_the_pages_say_so(planned, pool, manager):
    manager.post(f"/lots/{pool.pk}/relances/regler/", FORM | {"is_enabled": ""})
    assert list_plan() == []
    assert "Les relances automatiques de ce lot sont arrêtées" in text(manager.get(f"/lots/{pool.pk}/relances/"))
    assert "Les relances automatiques de ce lot sont arrêtées" in text(manager.get("/lots/"))


@pytest.mark.parametrize(
    ("changes", "words"),
    sampled(
        [
            ({"unredeemed_days": "0"}, "Un délai compte de 1 à 180 jours"),
            ({"unredeemed_days": "181"}, "Un délai compte de 1 à 180 jours"),
            ({"unredeemed_days": str(10**12)}, "Un délai compte de 1 à 180 jours"),
            ({"unredeemed_days": "1,2,3,4,5,6"}, "5 délais au plus"),
            ({"unredeemed_days": "dix"}, "Indiquez des nombres de jours"),
            ({"unredeemed_days": "-4"}, "Indiquez des nombres de jours"),
            ({"unredeemed_days": "²"}, "Indiquez des nombres de jours"),
            ({"unredeemed_days": "1" * 100}, "60 caractères"),
            ({"unused_days": "0"}, "supérieure ou égale à 1"),
            ({"unused_days": str(10**12)}, "inférieure ou égale à 180"),
        ],
        fast=2,
    ),
)
def test_a_policy_that_makes_no_sense_is_refused_with_what_was_typed(pool, manager, changes, words):
    answer = manager.post(f"/lots/{pool.pk}/relances/regler/", FORM | changes)
    assert answer.status_code == 422
    assert words in text(answer)
    assert next(iter(changes.values()))[:50] in text(answer)
    assert not ReminderPolicy.objects.exists()


@pytest.mark.parametrize("whole_school", [False, True])
def test_who_reminds_a_school_that_stopped_reads_so_before(planned, pool, manager, whole_school):
    address, stopped = f"/attributions/{planned.pk}/relancer/", "a arrêté les relances automatiques"
    operations.stop(allocation_id=planned.pk, whole_school=whole_school, at=TERM)
    answer = manager.post(address)
    assert (answer.status_code, stopped in text(answer)) == (409, True)
    assert not Message.objects.filter(kind="key_reminder").exists()
    other = give(pool)
    chosen = {"action": "relancer", "ids": [planned.pk, other.pk], "query": ""}
    assert "Parmi elles, 1 école a arrêté les relances automatiques" in text(
        manager.post("/attributions/actions/", chosen)
    )
    assert manager.post(address, {"anyway": "1"}).status_code == 302
    assert Message.objects.filter(kind="key_reminder", topic_id=planned.pk).count() == 1
    # Of another school nothing is said.
    assert stopped not in text(manager.post("/attributions/actions/", chosen | {"ids": [other.pk]}))
    assert manager.post(f"/attributions/{other.pk}/relancer/").status_code == 302


def test_one_is_cancelled_and_then_all(planned, pool, manager):
    give(pool)
    plan_at(TERM)
    first, _ = Reminder.objects.order_by("pk")
    answer = manager.post(f"/relances/{first.pk}/annuler/", follow=True)
    assert "le 4 décembre 2026, est annulée" in text(answer)
    assert manager.post(f"/relances/{first.pk}/annuler/").status_code == 302
    assert "2 relances annulées" in text(manager.post(f"/lots/{pool.pk}/relances/annuler/", follow=True))
    assert AuditEntry.objects.filter(action="reminders.cancelled").count() == 3


def test_the_page_of_a_school_shows_its_next_one(planned, manager, viewer):
    path = f"/ecoles/{planned.school_id}/"
    words = f"Une relance automatique partira le 4 décembre 2026 pour {planned.recipient}"
    assert words in text(manager.get(path))
    page = text(viewer.get(path))
    assert words in page
    assert "Annuler cette relance" not in page
    number = Reminder.objects.get().pk
    assert manager.post(f"/relances/{number}/annuler/", {"page": "school"})["Location"] == path


@pytest.mark.parametrize("number", [0, 10**12])
def test_numbers_that_name_nothing(pool, manager, number):
    assert manager.get(f"/lots/{number}/relances/").status_code == 404
    assert manager.post(f"/lots/{number}/relances/regler/", FORM).status_code == 404
    assert manager.post(f"/lots/{number}/relances/annuler/").status_code == 404
    assert manager.post(f"/relances/{number}/annuler/").status_code == 404


@pytest.mark.parametrize("count", [1, 30])
def test_the_page_asks_as_much_for_one_as_for_thirty(pool, manager, count, django_assert_num_queries):
    for _ in range(count):
        give(pool)
    plan_at(TERM)
    manager.get(f"/lots/{pool.pk}/relances/")
    with django_assert_num_queries(14):
        manager.get(f"/lots/{pool.pk}/relances/")


# --- A second reminder in a week --------------------------------------------------------------------------------------


def test_a_hand_is_asked_before_a_second_reminder_in_a_week(planned, manager, monkeypatch):
    Message.objects.filter(kind="key").update(sent_at=TERM)
    path = f"/attributions/{planned.pk}/relancer/"
    calendar.claim_weeks([planned.school_id], at=timezone.now())
    answer = manager.post(path, {"page": "school"})
    assert answer.status_code == 409
    assert "Une relance est déjà partie pour cet établissement cette semaine" in text(answer)
    assert not Message.objects.filter(kind="key_reminder").exists()
    again = manager.post(path, {"page": "school", "anyway": "1"})
    assert again["Location"] == f"/ecoles/{planned.school_id}/"
    assert Message.objects.filter(kind="key_reminder").count() == 1


# --- The off switch ---------------------------------------------------------------------------------------------------


@pytest.fixture
def path(planned):
    """The path of the link in the letter."""
    return "/" + build_stop_url(planned.pk).split("/", 3)[3]


def list_stops(schema="c_nimes"):
    """Return of each stop its allocation: the portal's requests leave the schema."""
    with schema_context(schema):
        return list(ReminderStop.objects.values_list("allocation", flat=True))


@pytest.mark.small
def test_a_get_asks_and_changes_nothing(path, portal):
    page = text(portal.get(path))
    assert "Plus de relance pour cette clé" in page
    assert "Plus aucune relance de la Ville de Nîmes" in page
    assert list_stops() == []


def test_one_click_of_a_mail_program_stops_the_key(path, planned, portal):
    program = Client(enforce_csrf_checks=True, headers={"host": portal.host})
    for _ in range(2):
        answer = program.post(path, {"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.content) == (200, b"")
    assert list_stops() == [planned.pk]
    with schema_context("c_nimes"):
        assert list_plan() == []


@pytest.mark.parametrize("choice", ["key", "school"])
def test_a_school_stops_and_resumes_on_the_page(path, planned, portal, choice):
    assert "C’est fait" in text(portal.post(path, {"choice": choice}))
    assert list_stops() == [planned.pk if choice == "key" else None]
    assert "pourra de nouveau être relancée" in text(portal.post(path, {"choice": "resume"}))
    assert list_stops() == []


def test_the_page_of_a_pool_names_the_schools_that_stopped(planned, pool, manager):
    operations.stop(allocation_id=planned.pk, whole_school=True, at=TERM)
    page = text(manager.get(f"/lots/{pool.pk}/relances/"))
    assert "a arrêté toutes les relances de votre collectivité le 24 novembre 2026." in page


def test_a_choice_that_we_do_not_know_changes_nothing(path, portal):
    assert portal.post(path, {"choice": "tout"}).status_code == 200
    assert list_stops() == []


@pytest.mark.small
@pytest.mark.parametrize("salt", ["", "other"])
def test_a_link_that_we_did_not_sign_is_refused(planned, portal, salt):
    token = signing.dumps(["c_nimes", planned.pk], salt=salt) if salt else "é:b:c"
    assert portal.get(f"/relances/arreter/{token}/").status_code == 410
    assert portal.post(f"/relances/arreter/{token}/", {"choice": "school"}).status_code == 410
    assert list_stops() == []


@pytest.mark.small
@pytest.mark.parametrize("content", [["c_nimes", 10**12], ["c_nobody", 1], ["public", 1]])
def test_a_link_about_nothing_is_refused(planned, portal, content):
    token = signing.dumps(content, salt="pools.stop-links")
    assert portal.get(f"/relances/arreter/{token}/").status_code == 410


@pytest.mark.small
def test_a_link_is_old_after_a_year(path, portal, monkeypatch):
    monkeypatch.setattr("licensing.pools.emails._MAX_AGE", -1)
    assert portal.get(path).status_code == 410


def test_a_link_of_one_office_stops_nothing_in_another(path, portal):
    portal.post(path, {"choice": "school"})
    assert (list_stops("c_nimes"), list_stops("c_gard")) == ([None], [])
