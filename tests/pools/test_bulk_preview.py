"""Bulk acts say what they will do in licences, ask for the number where it is large, and do no other thing."""

import datetime

import pytest
from django.utils import timezone

from core.confirmation_guard import ConfirmationGuard, is_large_share
from licensing.entitlements.models import Entitlement
from licensing.pools import bulk_views, key_emails, reductions
from licensing.pools.bulk_views import LeftReason, PoolShare, describe_reminding, describe_revoking
from licensing.pools.models import Allocation
from mailing.models import Message, MessageState
from schools import calendar
from tests.factories.accounts import PrincipalFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent

pytestmark = pytest.mark.slow

ACTIONS = "/attributions/actions/"


def read(answer):
    return " ".join(answer.content.decode().replace("\u00a0", " ").replace("\u202f", " ").split())


@pytest.fixture
def given(pool, now):
    """Ten allocations of three licences: sent, of which one redeemed, one revoked, one never sent, one reminded."""
    allocations = [allocate_units(pool, SchoolFactory(), units=3, at=now) for _ in range(10)]
    mark_sent()
    mark_redeemed(allocations[0], PrincipalFactory())
    reductions.revoke(allocation_id=allocations[1].pk, by=None, at=now)
    Message.objects.filter(topic_id=allocations[2].pk).update(state=MessageState.FAILED)
    key_emails.remind(allocation_id=allocations[3].pk, by=None, at=timezone.now())
    return [allocation.pk for allocation in allocations]


@pytest.mark.parametrize(
    ("preview", "run", "reasons"),
    [
        (
            bulk_views.preview_revocation,
            reductions.revoke_many,
            {LeftReason.REDEEMED: 1, LeftReason.REVOKED: 1},
        ),
        (
            bulk_views.preview_resending,
            key_emails.resend_many,
            {LeftReason.REDEEMED: 1, LeftReason.REVOKED: 1},
        ),
        (
            bulk_views.preview_reminding,
            key_emails.remind_many,
            {LeftReason.REDEEMED: 1, LeftReason.REVOKED: 1, LeftReason.NEVER_SENT: 1, LeftReason.REMINDED_TODAY: 1},
        ),
    ],
)
def test_a_preview_counts_what_the_act_then_does(given, preview, run, reasons):
    at = timezone.now()
    seen = preview(given, at)
    assert seen.left == reasons
    assert seen.units == 3 * seen.schools == 3 * (10 - sum(reasons.values()))
    done = {result.allocation_id for result in run(allocation_ids=given, by=None, at=at) if result.refusal is None}
    # To revoke what is revoked is done, and nothing to do.
    assert done - {given[1]} == set(seen.allocation_ids)


def test_keys_of_a_suspended_lot_are_taken_back_but_not_written_about(given, now):
    Entitlement.objects.update(suspended_at=now)
    assert bulk_views.preview_revocation(given, now).schools == 8
    seen = bulk_views.preview_resending(given, now)
    assert (seen.schools, seen.left[LeftReason.POOL_NOT_OPEN]) == (0, 8)


def test_the_page_says_the_licences_by_lot_and_what_stays(given, pool, manager, now):
    other = allocate_units(PoolFactory(name="Dotation"), SchoolFactory(), units=1, at=now)
    page = read(manager.post(ACTIONS, {"action": "reprendre", "ids": [*given, other.pk]}))
    assert "1 école : 1 licence revient au lot « Dotation »." in page
    assert "8 écoles : 24 licences reviennent au lot « Lot A »." in page
    assert "ensuite, 7 e-mails partent aux écoles qui avaient reçu leur clé" in page
    assert "Rien ne change pour 1 clé déjà activée et 1 attribution déjà reprise." in page
    assert Allocation.objects.active().count() == 10


@pytest.mark.small
@pytest.mark.parametrize(("emails", "words"), [(0, "aucun e-mail ne part."), (1, "à l'école qui avait reçu sa clé.")])
def test_the_letters_of_a_revocation_are_counted_in_french(emails, words):
    preview = bulk_views.BulkPreview([1], 1, 3, [PoolShare("Lot A", 1, 3)], emails, {})
    assert describe_revoking(preview)[-1].endswith(words)


@pytest.mark.small
@pytest.mark.parametrize(
    ("just_sent", "words"),
    [
        (0, []),
        (1, ["La clé de l'une d'elles est partie il y a moins d'un jour."]),
        (2, ["Les clés de 2 d'entre elles sont parties il y a moins d'un jour."]),
    ],
)
def test_keys_that_have_just_left_are_counted_in_french(just_sent, words):
    preview = bulk_views.BulkPreview([1], 1, 3, [PoolShare("Lot A", 1, 3)], 0, {}, just_sent=just_sent)
    assert describe_reminding(preview)[1:] == words


def test_a_preview_says_who_just_got_the_key_and_who_was_written_to_this_week(pool, now):
    first, second = (allocate_units(pool, SchoolFactory(), units=3, at=now) for _ in range(2))
    mark_sent()
    Message.objects.update(sent_at=now)
    assert bulk_views.preview_reminding([first.pk, second.pk], now).just_sent == 2
    later = now + datetime.timedelta(days=2)
    calendar.claim_weeks([first.school_id], at=later)
    preview = bulk_views.preview_reminding([first.pk, second.pk], later)
    assert (preview.just_sent, preview.left) == (0, {LeftReason.WRITTEN_THIS_WEEK: 1})


def test_an_act_that_would_do_nothing_offers_no_button(given, manager):
    page = read(manager.post(ACTIONS, {"action": "relancer", "ids": given[:1]}))
    assert "Rien n’est à faire." in page
    assert "Rien ne change pour 1 clé déjà activée." in page
    assert 'name="confirmed"' not in page


@pytest.mark.parametrize(("schools", "guarded"), [(2, False), (3, True)])
def test_above_three_tenths_of_the_licences_given_the_number_is_typed(given, manager, schools, guarded):
    # 27 licences are given: 6 are two ninths, 9 are three.
    page = read(manager.post(ACTIONS, {"action": "reprendre", "ids": given[4 : 4 + schools]}))
    assert ('name="confirmed_count"' in page) == guarded
    if guarded:
        assert "Cela concerne 9 licences sur 27 licences données." in page


def test_letters_to_a_large_share_of_the_schools_ask_for_their_number(given, now):
    preview = bulk_views.preview_reminding(given, timezone.now())
    assert bulk_views.build_bulk_guard(preview, now, counts_letters=True).number == preview.emails == 6
    few = preview._replace(schools=2, emails=2)
    assert bulk_views.build_bulk_guard(few, now, counts_letters=True) is None


@pytest.mark.parametrize(("action", "number"), [("relancer", "6"), ("renvoyer", "6"), ("reprendre", "18")])
def test_a_large_act_waits_for_its_number(given, manager, action, number):
    """Licences where they are taken back, letters where they are only written."""
    form = {"action": action, "ids": given[4:], "confirmed": "18"}
    mistyped = f"Vous avez tapé 24, et cette action en compte {number}"
    for typed, fault in (("", f"Pour confirmer, tapez {number}"), ("24", mistyped)):
        messages = Message.objects.count()
        answer = manager.post(ACTIONS, form | {"confirmed_count": typed})
        assert answer.status_code == 422
        assert fault in read(answer)
        assert (Allocation.objects.active().count(), Message.objects.count()) == (9, messages)
    done = manager.post(ACTIONS, form | {"confirmed_count": f" {number} "}, follow=True)
    assert done.redirect_chain == [("/attributions/?", 302)]
    assert "C’est fait :</strong> 6 " in read(done)


def test_an_act_that_became_another_one_meanwhile_is_shown_again(given, manager):
    mark_redeemed(Allocation.objects.get(pk=given[4]), PrincipalFactory())
    answer = manager.post(ACTIONS, {"action": "reprendre", "ids": given[4:6], "confirmed": "6"})
    assert answer.status_code == 409
    assert "a changé depuis que vous l’avez lu" in read(answer)
    assert 'name="confirmed" value="3"' in read(answer)
    assert Allocation.objects.active().count() == 9


@pytest.mark.small
def test_the_number_typed_is_read_without_its_spaces():
    guard = ConfirmationGuard(1200, "")
    assert guard.find_fault("1\u202f200 ", "ce tableau") == ""
    assert "tapez 1\u202f200" in guard.find_fault("  ", "ce tableau")


@pytest.mark.small
@pytest.mark.parametrize(("served", "changed", "large"), [(4, 4, False), (5, 1, False), (5, 2, True), (10, 3, False)])
def test_a_share_is_large_above_three_tenths_of_five_schools_or_more(served, changed, large):
    assert is_large_share(changed, served, schools_served=served) == large


def test_ticking_the_page_works_without_scripts(given, manager):
    assert read(manager.get("/attributions/")).count(" checked><span") == 0
    page = read(manager.get("/attributions/?cocher=page&situation=issued"))
    assert page.count(" checked><span") == 8
    assert 'name="query" value="situation=issued"' in page
    assert ">Tout décocher</a" in page


def test_previews_ask_as_much_for_two_as_for_ten(given, django_assert_num_queries):
    for ids in (given[:2], given):
        with django_assert_num_queries(8):
            bulk_views.preview_reminding(ids, timezone.now())
        with django_assert_num_queries(4):
            bulk_views.preview_revocation(ids, timezone.now())
