"""What tells that a database is a restored copy, and what then leaves it: nothing."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from installation import hold
from installation.hold import HoldCause, InstallationHeld, find_hold, refuse_while_held
from installation.models import Installation
from licensing.books.billing.transmission.platforms import TokenHttp
from licensing.payments.card_providers import get_provider_by_name
from mailing.bounce_mailbox import read_mailbox
from mailing.dispatch import drain
from tests.database_roles import execute_as_administrator
from tests.installation.copies import note
from webhooks.drain import drain as drain_webhooks


def test_a_database_that_is_where_it_was_is_free(db):
    assert find_hold() is None
    refuse_while_held()


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"cluster": "7313131313131313131"}, HoldCause.CLUSTER),
        ({"place": "16384/16999"}, HoldCause.DATABASE),
        ({"timeline": 77}, HoldCause.TIMELINE),
        ({"held_at": "2026-11-28 03:00+01"}, HoldCause.BY_HAND),
    ],
)
def test_each_sign_of_a_copy_holds_it(db, changed, cause):
    note(**changed)
    assert find_hold() is cause
    with pytest.raises(InstallationHeld, match="en cours de restauration"):
        refuse_while_held()


def test_a_database_without_its_row_is_held(db):
    execute_as_administrator("DELETE FROM public.installation_installation")
    hold.forget()
    assert find_hold() is HoldCause.UNKNOWN


def test_a_promoted_standby_is_no_copy_where_standbys_are_expected(db, settings):
    settings.DATABASE_FAILS_OVER = True
    note(timeline=77)
    assert find_hold() is None


def test_the_application_cannot_lift_its_own_hold(db):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Installation.objects.update(timeline=1)


@pytest.mark.as_owner
def test_the_owner_holds_and_resumes(db):
    hold.hold(at=timezone.now())
    assert find_hold() is HoldCause.BY_HAND
    note(cluster="1", place="2", timeline=3)
    hold.resume()
    assert find_hold() is None


def test_an_answer_is_kept_for_some_seconds_and_belongs_to_its_connection(db, monkeypatch):
    assert find_hold() is None
    execute_as_administrator("UPDATE public.installation_installation SET timeline = 77")
    assert find_hold() is None
    monkeypatch.setattr(hold, "RECHECK_SECONDS", -1.0)
    hold.forget()
    assert find_hold() is HoldCause.TIMELINE


def test_who_only_reads_does_not_ask_whether_the_connection_lives(db, monkeypatch):
    find_hold()
    asked = []
    monkeypatch.setattr(connection, "close_if_health_check_failed", lambda: asked.append(True))
    assert find_hold(reads_only=True) is None
    assert asked == []
    assert find_hold() is None
    assert asked == [True]


def test_it_is_no_query_of_a_page(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        find_hold()


@pytest.mark.parametrize(
    "leave",
    [
        drain,
        drain_webhooks,
        read_mailbox,
        lambda: get_provider_by_name("demo"),
        lambda: TokenHttp(
            name="a platform", token_url="https://platform.example/token", grant={}, silent="Rien."
        ).request("GET", "https://platform.example/", headers={}),
    ],
    ids=["e-mails", "webhooks", "bounce mailbox", "card provider", "platforms"],
)
def test_nothing_leaves_a_copy(nimes, leave):
    note(timeline=77)
    with pytest.raises(InstallationHeld):
        leave()


def test_a_dump_that_is_restored_over_the_same_database_is_held(db):
    """What pg_restore --clean does: the table is made anew, with the rows that it had."""
    rows = list(Installation.objects.values_list("cluster", "place", "timeline"))
    execute_as_administrator("DROP TABLE public.installation_installation")
    execute_as_administrator(
        "CREATE TABLE public.installation_installation"
        " (id smallint PRIMARY KEY, cluster text, place text, timeline bigint, held_at timestamptz)"
    )
    execute_as_administrator("GRANT SELECT ON public.installation_installation TO PUBLIC")
    execute_as_administrator("INSERT INTO public.installation_installation VALUES (1, %s, %s, %s)", rows[0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.installation_installation")
        assert cursor.fetchone() == (1,)
    assert find_hold() is HoldCause.DATABASE
