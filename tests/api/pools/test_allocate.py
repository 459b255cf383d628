"""`POST /allocations`: one school, its recipient looked up where none is named."""

import datetime

import pytest
from django.utils import timezone

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.pools.models import Allocation
from mailing.models import Message
from schools.models import SchoolState
from tests.api.client import assert_problem
from tests.api.pools.assertions import assert_nothing_allocated
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory


def post_allocation(api, pool, school, /, **changes):
    return api.post("/allocations", {"pool": pool.pk, "school": school.uai, "units": 3} | changes)


@pytest.mark.slow
def test_a_new_allocation_is_a_201_with_its_location(api, pool):
    school = SchoolFactory()
    answer = post_allocation(api, pool, school)
    assert answer.status_code == 201
    allocation = Allocation.objects.get()
    assert answer["Location"] == f"http://nimes.peps.localhost/api/v1/allocations/{allocation.pk}"
    data = answer.json()
    assert data == api.get(f"/allocations/{allocation.pk}").json()
    assert (data["school"], data["units"], data["recipient"], data["state"]) == (school.uai, 3, school.email, "issued")
    assert data["message_state"] == "queued"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor_name, entry.object_id) == (
        "pools.allocated", "Jeton « SI de la ville »", allocation.pk
    )  # fmt: skip


@pytest.mark.slow
def test_a_second_allocation_grows_the_first_and_is_a_200(api, pool):
    school = SchoolFactory()
    first = post_allocation(api, pool, school).json()
    second = post_allocation(api, pool, school)
    assert (second.status_code, second.headers.get("Location")) == (200, None)
    assert (second.json()["id"], second.json()["units"]) == (first["id"], 6)


@pytest.mark.slow
def test_an_unchanged_total_changes_nothing(api, pool):
    school = SchoolFactory()
    post_allocation(api, pool, school)
    again = post_allocation(api, pool, school, total=True)
    assert (again.status_code, again.json()["units"]) == (200, 3)
    assert Message.objects.count() == 1
    assert post_allocation(api, pool, school, total=True, units=5).json()["units"] == 5
    assert_problem(post_allocation(api, pool, school, total=True, units=4), 409, "would_reduce")


@pytest.mark.slow
def test_the_default_recipient_is_the_contact_then_the_official_mailbox(api, pool):
    with_contact, without, unknown = SchoolFactory(), SchoolFactory(), SchoolFactory()
    PortfolioSchoolFactory(school=with_contact, contact_email="direction@ecole.example")
    PortfolioSchoolFactory(school=without, contact_email="")
    assert post_allocation(api, pool, with_contact).json()["recipient"] == "direction@ecole.example"
    assert post_allocation(api, pool, without, recipient=None).json()["recipient"] == without.email
    assert post_allocation(api, pool, unknown).json()["recipient"] == unknown.email
    assert post_allocation(api, pool, SchoolFactory(), recipient="a@b.example").json()["recipient"] == "a@b.example"


def test_a_key_sent_to_the_contact_proves_no_official_mailbox(api, pool):
    school = SchoolFactory()
    PortfolioSchoolFactory(school=school, contact_email="direction@ecole.example")
    post_allocation(api, pool, school)
    assert ActivationKey.objects.get().exposed_at is not None


def test_a_school_without_any_email_address_is_refused(api, pool):
    result = assert_problem(post_allocation(api, pool, SchoolFactory(email="")), 409, "recipient_missing")
    assert [fault["field"] for fault in result["errors"]] == ["recipient"]
    assert_nothing_allocated(pool)


@pytest.mark.parametrize(
    ("code", "field", "changes"),
    [
        ("unknown_pool", None, {"pool": 2_000_000_000}),
        ("pool_exhausted", None, {"units": 101}),
        ("pool_exhausted", None, {"units": 2_147_483_647}),
        ("unknown_school", "school", {"school": "0399999A"}),
        ("invalid_recipient", "recipient", {"recipient": "pas une adresse"}),
        ("invalid_recipient", "recipient", {"recipient": "   "}),
        ("invalid_recipient", "recipient", {"recipient": " a@b.example"}),
        ("invalid_send_date", None, {"send_on": "2026-01-01"}),
        ("invalid_send_date", None, {"send_on": "2199-12-31"}),
    ],
)
def test_a_refused_request_allocates_nothing(api, pool, code, field, changes):
    result = assert_problem(post_allocation(api, pool, SchoolFactory(), **changes), 409, code)
    assert [fault["field"] for fault in result["errors"]] == ([] if field is None else [field])
    assert_nothing_allocated(pool)


def test_a_closed_school_and_a_suspended_pool_are_refused(api, pool):
    closed = SchoolFactory(state=SchoolState.CLOSED, closed_at=timezone.now())
    assert_problem(post_allocation(api, pool, closed), 409, "school_closed")
    Entitlement.objects.filter(pk=pool.entitlement_id).update(suspended_at=timezone.now())
    assert_problem(post_allocation(api, pool, SchoolFactory()), 409, "pool_suspended")
    assert_nothing_allocated(pool)


@pytest.mark.parametrize(
    ("field", "code", "wrong"),
    [
        ("units", "invalid", "3"),
        ("units", "invalid", True),
        ("units", "invalid", 3.5),
        ("units", "min_value", 0),
        ("units", "max_value", 2**31),
        ("units", "null", None),
        ("pool", "invalid", "1"),
        ("pool", "max_value", 10**18),
        ("school", "invalid_uai", "0300123k"),
        ("school", "invalid_uai", "0300123K\n"),
        ("school", "invalid", 3),
        ("recipient", "max_length", "a" * 250 + "@b.example"),
        ("recipient", "blank", ""),
        ("recipient", "null_characters_not_allowed", "\x00"),
        ("total", "invalid", 1),
        ("send_on", "invalid", "demain"),
        ("send_on", "invalid", "2026-02-30"),
        ("unites", "unknown_field", 3),
    ],
)
def test_an_invalid_field_is_refused_by_name(api, pool, field, code, wrong):
    result = assert_problem(post_allocation(api, pool, SchoolFactory(), **{field: wrong}), 400, "invalid_request")
    assert {(fault["field"], fault["code"]) for fault in result["errors"]} == {(field, code)}
    assert_nothing_allocated(pool)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(api, pool, body):
    answer = api.request("POST", "/allocations", body, key=True)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_query_parameters_are_refused(api, pool):
    assert_problem(api.post("/allocations?pool=1"), 400, "invalid_request")


def test_a_float_with_an_integral_value_is_accepted(api, pool):
    assert post_allocation(api, pool, SchoolFactory(), units=3.0).json()["units"] == 3


@pytest.mark.slow
def test_an_email_may_leave_on_a_chosen_day(api, pool):
    day = timezone.localdate() + datetime.timedelta(days=3)
    assert post_allocation(api, pool, SchoolFactory(), send_on=day.isoformat()).status_code == 201
    assert timezone.localtime(Message.objects.get().due_at).date() == day
