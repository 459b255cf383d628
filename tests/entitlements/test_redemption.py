"""Redeeming a key: what is credited, refusals and their wording."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from licensing.entitlements import exceptions, keys, operations
from licensing.entitlements.keys import grow_many
from licensing.entitlements.models import Seat, Subscription
from schools.models import Affiliation, Verification
from tests.conftest import TERM
from tests.entitlements.school_scenario import seat_counter
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.refusals import refuses

PARIS = ZoneInfo("Europe/Paris")


def assert_refused(code, key, by, at=TERM, **kwargs):
    with refuses(code) as refusal:
        operations.redeem(code=key, by=by, at=at, **kwargs)
    assert not Subscription.objects.exists()
    assert not Seat.objects.exists()
    return refusal.value


def test_the_account_is_credited_with_the_key_s_units(jaures):
    code, key = jaures.key(units=3)
    subscription = operations.redeem(
        code=f"nimes {code[:4]} {code[4:8]} {code[8:]}".lower(), by=jaures.principal, at=TERM
    )
    key.refresh_from_db()
    assert (key.redeemed_at, key.redeemed_by) == (TERM, jaures.principal)
    assert (subscription.school, subscription.size, seat_counter(subscription)) == (jaures.school, 3, "0/3")
    assert list(subscription.seats.values_list("number", flat=True).order_by("number")) == [1, 2, 3]


@pytest.mark.parametrize("units", [1, 200])
def test_the_number_of_statements_does_not_depend_on_the_units(jaures, units, django_assert_max_num_queries):
    code, _ = jaures.key(units=units)
    with django_assert_max_num_queries(9):
        operations.redeem(code=code, by=jaures.principal, at=TERM)


def test_a_typo_is_reported_without_a_query(jaures, django_assert_num_queries):
    code, _ = jaures.key()
    wrong = keys.ALPHABET[(keys.ALPHABET.index(code[0]) + 1) % 32] + code[1:]
    with django_assert_num_queries(0), refuses("typo", match="faute de frappe"):
        operations.redeem(code=wrong, by=jaures.principal, at=TERM)


def test_an_unknown_key(jaures):
    refusal = assert_refused("unknown_key", keys.generate(), jaures.principal)
    assert "n'existe pas" in str(refusal)


def test_a_key_of_another_school_says_which_school_it_is_for(jaures):
    code, key = jaures.key()
    other = PrincipalFactory()
    AffiliationFactory(user=other, school=SchoolFactory(name="École des Garrigues", commune="Uzès"))
    refusal = assert_refused("key_of_another_school", code, other)
    assert "École Jean Jaurès (Nîmes)" in str(refusal)
    assert "École des Garrigues (Uzès)" in str(refusal)
    key.refresh_from_db()
    assert key.redeemed_at is None


def test_a_principal_with_a_typed_school_is_offered_the_directory_s(jaures, elsewhere):
    code, _ = jaures.key()
    refusal = assert_refused("school_not_chosen", code, elsewhere(PrincipalFactory))
    assert refusal.school == jaures.school
    assert "rejoignez-le" in str(refusal)


def test_a_principal_without_a_school_is_offered_the_directory_s(jaures):
    code, _ = jaures.key()
    assert assert_refused("school_not_chosen", code, PrincipalFactory()).school == jaures.school


def test_a_verified_principal_sees_which_colleague_redeemed_the_key_and_when(jaures):
    code, subscription = jaures.subscription()
    with pytest.raises(exceptions.KeyAlreadyRedeemed) as refusal:
        operations.redeem(code=code, by=jaures.add_principal(verified=True), at=TERM)
    assert f"le 24\N{NO-BREAK SPACE}novembre 2026 par {jaures.principal}" in str(refusal.value)
    assert Subscription.objects.get() == subscription


@pytest.mark.parametrize("meant_for_a_school", [True, False])
def test_an_unverified_principal_does_not_see_who_redeemed_the_key(jaures, meant_for_a_school):
    code, subscription = jaures.subscription()
    if not meant_for_a_school:
        subscription.key.school = None
        subscription.key.save()
    with pytest.raises(exceptions.KeyAlreadyRedeemed, match="par un autre compte") as refusal:
        operations.redeem(code=code, by=jaures.add_principal(), at=TERM)
    assert jaures.principal.last_name not in str(refusal.value)
    assert jaures.principal.first_name not in str(refusal.value)


def test_a_key_redeemed_by_oneself_says_so(jaures):
    code, _ = jaures.subscription()
    with pytest.raises(exceptions.KeyAlreadyRedeemed, match="Vous avez déjà activé"):
        operations.redeem(code=code, by=jaures.principal, at=TERM)


def test_a_stranger_does_not_see_who_redeemed_a_key(jaures):
    code, _ = jaures.subscription()
    stranger = PrincipalFactory()
    AffiliationFactory(user=stranger)
    with refuses("key_of_another_school") as refusal:
        operations.redeem(code=code, by=stranger, at=TERM)
    assert jaures.principal.last_name not in str(refusal.value)


def test_a_revoked_key_says_who_took_it_back_and_when(jaures):
    code, _ = jaures.key(revoked_at=TERM)
    refusal = assert_refused("key_revoked", code, jaures.principal)
    assert "le 24\N{NO-BREAK SPACE}novembre 2026 par Ville de Nîmes" in str(refusal)


def test_a_key_lasts_through_its_last_day_in_paris(jaures):
    last_minute = datetime.datetime(2027, 8, 31, 23, 59, tzinfo=PARIS)
    code, _ = jaures.key()
    refusal = assert_refused("key_expired", code, jaures.principal, at=last_minute + datetime.timedelta(minutes=1))
    assert "jusqu'au 31\N{NO-BREAK SPACE}août 2027 inclus" in str(refusal)
    assert operations.redeem(code=code, by=jaures.principal, at=last_minute)


def test_a_key_of_an_unpaid_order_is_suspended_and_not_lost(jaures):
    code, _ = jaures.key()
    jaures.entitlement.suspended_at = TERM
    jaures.entitlement.save()
    refusal = assert_refused("key_suspended", code, jaures.principal)
    assert "Rien n'est perdu" in str(refusal)
    jaures.entitlement.suspended_at = None
    jaures.entitlement.save()
    assert operations.redeem(code=code, by=jaures.principal, at=TERM)


def test_a_closed_school_may_redeem(jaures):
    jaures.school.state, jaures.school.closed_at = "closed", TERM
    jaures.school.save()
    assert jaures.subscription()


@pytest.mark.parametrize("factory", [TeacherFactory])
def test_a_teacher_redeems_nothing(jaures, factory):
    code, _ = jaures.key()
    assert_refused("not_for_this_profile", code, factory())


def test_a_key_sent_to_the_school_s_mailbox_verifies_the_principal(jaures):
    jaures.subscription()
    affiliation = Affiliation.objects.get(user=jaures.principal)
    assert (affiliation.verified_at, affiliation.verified_by) == (TERM, Verification.KEY)


def test_a_key_that_others_know_verifies_nobody(jaures):
    jaures.subscription(exposed_at=TERM)
    assert Affiliation.objects.get(user=jaures.principal).verified_at is None


def test_a_key_for_one_of_several_schools_credits_that_one(jaures):
    AffiliationFactory(user=jaures.principal, since=TERM - datetime.timedelta(days=900))
    _, subscription = jaures.subscription()
    assert subscription.school == jaures.school
    assert Affiliation.objects.get(user=jaures.principal, verified_at__isnull=False).school == jaures.school


def test_a_key_without_a_school_credits_the_principal_s_school(jaures):
    code, key = jaures.key()
    key.school = None
    key.save()
    second = AffiliationFactory(user=jaures.principal)
    subscription = operations.redeem(code=code, by=jaures.principal, at=TERM, school=second.school_id)
    assert subscription.school == second.school
    assert not Affiliation.objects.filter(verified_at__isnull=False).exists()


def test_a_redeemed_key_grows_with_its_subscription(jaures):
    _, subscription = jaures.subscription(units=3)
    grow_many({subscription.key_id: 2})
    subscription.refresh_from_db()
    assert (subscription.size, seat_counter(subscription)) == (5, "0/5")
    assert list(subscription.seats.values_list("number", flat=True).order_by("number")) == [1, 2, 3, 4, 5]


def test_exposing_a_key_is_recorded_once(jaures):
    _, key = jaures.key()
    operations.expose(key_id=key.pk, at=TERM)
    operations.expose(key_id=key.pk, at=TERM + datetime.timedelta(days=1))
    key.refresh_from_db()
    assert key.exposed_at == TERM
