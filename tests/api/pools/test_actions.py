"""Actions on allocations: one by its URL, or up to ten thousand with a result per row."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.entitlements.models import ActivationKey
from licensing.orders import operations as orders
from licensing.pools import operations, reductions
from licensing.pools.checks import Demand
from licensing.pools.models import RESTORABLE_FOR, Allocation, Pool
from mailing.models import Message
from tests.api.client import assert_problem
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def allocation(pool, now):
    return allocate_units(pool, SchoolFactory(), units=5, at=now)


def waiting():
    return list(Message.objects.filter(state="queued").order_by("pk").values_list("kind", "recipient"))


@pytest.mark.slow
def test_revoking_gives_the_licences_back_and_twice_is_once(api, pool, allocation):
    for _ in range(2):
        answer = api.post(f"/allocations/{allocation.pk}/revoke")
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
        assert answer.json() == api.get(f"/allocations/{allocation.pk}").json()
    assert Pool.objects.get(pk=pool.pk).allocated == 0
    assert ActivationKey.objects.get().revoked_at is not None
    assert waiting() == []


@pytest.mark.slow
def test_a_revocation_is_undone_within_the_hour_and_twice_is_once(api, pool, allocation):
    api.post(f"/allocations/{allocation.pk}/revoke")
    for _ in range(2):
        answer = api.post(f"/allocations/{allocation.pk}/restore")
        assert (answer.status_code, answer.json()["state"], answer.json()["revoked_at"]) == (200, "issued", None)
    assert Pool.objects.get(pk=pool.pk).allocated == 5
    assert waiting() == [("key", allocation.recipient)]


@pytest.mark.slow
def test_after_an_hour_a_revocation_stays(api, pool, allocation, now):
    reductions.revoke(allocation_id=allocation.pk, by=None, at=now - RESTORABLE_FOR)
    assert_problem(api.post(f"/allocations/{allocation.pk}/restore"), 409, "restoration_too_late")
    assert Pool.objects.get(pk=pool.pk).allocated == 0


@pytest.mark.slow
def test_undoing_in_bulk_returns_a_result_per_row(api, pool, now):
    served, free, late = (allocate_units(pool, SchoolFactory(), units=2, at=now) for _ in range(3))
    reductions.revoke(allocation_id=late.pk, by=None, at=now - RESTORABLE_FOR)
    api.post("/allocations/revoke", {"allocations": [served.pk, free.pk]})
    allocate_units(pool, served.school, units=1, at=now)
    data = api.post("/allocations/restore", {"allocations": [late.pk, served.pk, free.pk, 2_000_000_000]}).json()
    assert [row["code"] for row in data["results"]] == [
        "restoration_too_late", "school_served_again", None, "unknown_allocation"]  # fmt: skip
    assert Pool.objects.get(pk=pool.pk).allocated == 3


@pytest.mark.parametrize("act", ["revoke", "resend", "remind", "reduce"])
def test_a_redeemed_allocation_cannot_be_taken_back(api, pool, allocation, act):
    mark_redeemed(allocation, PrincipalFactory())
    body = {"units": 2} if act == "reduce" else {}
    assert_problem(api.post(f"/allocations/{allocation.pk}/{act}", body), 409, "already_redeemed")
    assert Pool.objects.get(pk=pool.pk).allocated == 5


@pytest.mark.slow
@pytest.mark.parametrize("act", ["resend", "remind", "reduce"])
def test_a_revoked_allocation_cannot_be_changed(api, allocation, act, now):
    reductions.revoke(allocation_id=allocation.pk, by=None, at=now)
    body = {"units": 2} if act == "reduce" else {}
    assert_problem(api.post(f"/allocations/{allocation.pk}/{act}", body), 409, "already_revoked")


@pytest.mark.slow
def test_resending_emails_the_same_key_again(api, allocation):
    answer = api.post(f"/allocations/{allocation.pk}/resend")
    assert (answer.status_code, answer.json()["message_state"]) == (200, "queued")
    assert waiting() == [("key", allocation.recipient)]
    assert Message.objects.count() == 2


@pytest.mark.slow
def test_resending_to_a_corrected_address_keeps_it(api, allocation):
    answer = api.post(f"/allocations/{allocation.pk}/resend", {"recipient": "direction@ecole.example"})
    assert answer.json()["recipient"] == "direction@ecole.example"
    assert waiting() == [("key", "direction@ecole.example")]
    assert_problem(api.post(f"/allocations/{allocation.pk}/resend", {"recipient": "rien"}), 409, "invalid_recipient")
    assert_problem(api.post(f"/allocations/{allocation.pk}/resend", {"recipient": 3}), 400, "invalid_request")


@pytest.mark.slow
def test_reminding_needs_an_email_that_arrived_and_is_done_once_a_day(api, allocation):
    assert_problem(api.post(f"/allocations/{allocation.pk}/remind"), 409, "not_yet_sent")
    mark_sent()
    assert api.post(f"/allocations/{allocation.pk}/remind").status_code == 200
    assert waiting() == [("key_reminder", allocation.recipient)]
    assert_problem(api.post(f"/allocations/{allocation.pk}/remind"), 409, "reminded_today")


@pytest.mark.slow
def test_reducing_leaves_less_on_the_same_key(api, pool, allocation):
    answer = api.post(f"/allocations/{allocation.pk}/reduce", {"units": 2})
    assert (answer.status_code, answer.json()["units"]) == (200, 2)
    assert ActivationKey.objects.get().units == 2
    assert Pool.objects.get(pk=pool.pk).allocated == 2
    assert_problem(api.post(f"/allocations/{allocation.pk}/reduce", {"units": 3}), 409, "invalid_units")
    assert_problem(api.post(f"/allocations/{allocation.pk}/reduce", {"units": 0}), 400, "invalid_request")
    assert_problem(api.post(f"/allocations/{allocation.pk}/reduce"), 400, "invalid_request")


@pytest.mark.slow
def test_reducing_an_old_allocation_leaves_the_school_s_new_one_alone(api, pool, allocation, now):
    reductions.revoke(allocation_id=allocation.pk, by=None, at=now)
    anew = allocate_units(pool, allocation.school, units=5, at=now)
    assert_problem(api.post(f"/allocations/{allocation.pk}/reduce", {"units": 1}), 409, "already_revoked")
    assert Allocation.objects.get(pk=anew.pk).units == 5


@pytest.mark.parametrize("act", ["revoke", "restore", "resend", "remind", "reduce"])
@pytest.mark.parametrize("number", [1, 2**31, 2**63, 10**30])
def test_an_unknown_allocation_is_a_404(api, pool, act, number):
    assert_problem(api.post(f"/allocations/{number}/{act}"), 404, "not_found")


@pytest.mark.parametrize("act", ["revoke", "remind"])
def test_actions_without_a_body_refuse_one(api, allocation, act):
    outcome = assert_problem(api.post(f"/allocations/{allocation.pk}/{act}", {"why": "x"}), 400, "invalid_request")
    assert [fault["code"] for fault in outcome["errors"]] == ["unknown_field"]
    assert api.request("POST", f"/allocations/{allocation.pk}/revoke").status_code == 200


@pytest.mark.slow
def test_a_bulk_revocation_returns_a_result_per_row(api, pool, now):
    free, redeemed, other = (allocate_units(pool, SchoolFactory(), units=5, at=now) for _ in range(3))
    mark_redeemed(redeemed, PrincipalFactory())
    asked = [redeemed.pk, free.pk, 2_000_000_000, free.pk]
    answer = api.post("/allocations/revoke", {"allocations": asked})
    assert answer.status_code == 200
    data = answer.json()
    assert (data["done"], data["rejected"]) == (2, 2)
    assert [(r["row"], r["allocation"], r["result"], r["code"]) for r in data["results"]] == [
        (0, redeemed.pk, "rejected", "already_redeemed"),
        (1, free.pk, "done", None),
        (2, 2_000_000_000, "rejected", "unknown_allocation"),
        (3, free.pk, "done", None),
    ]
    assert [result["detail"] is None for result in data["results"]] == [False, True, False, True]
    assert Pool.objects.get(pk=pool.pk).allocated == 10
    assert Allocation.objects.get(pk=other.pk).revoked_at is None


@pytest.mark.slow
def test_allocations_are_resent_and_reminded_in_bulk(api, pool, now):
    given = [allocate_units(pool, SchoolFactory(), at=now) for _ in range(3)]
    numbers = [allocation.pk for allocation in given]
    assert api.post("/allocations/resend", {"allocations": numbers}).json()["done"] == 3
    assert waiting() == [("key", allocation.recipient) for allocation in given]
    data = api.post("/allocations/remind", {"allocations": numbers}).json()
    assert {result["code"] for result in data["results"]} == {"not_yet_sent"}
    mark_sent()
    assert api.post("/allocations/remind", {"allocations": numbers}).json()["done"] == 3
    assert waiting() == [("key_reminder", allocation.recipient) for allocation in given]


def test_another_collectivity_s_allocations_are_unknown(api, pool, gard, now):
    assert api.post("/allocations/revoke", {"allocations": [1]}).json()["results"][0]["code"] == "unknown_allocation"


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({}, ("allocations", None)),
        ({"allocations": []}, ("allocations", None)),
        ({"allocations": 3}, ("allocations", None)),
        ({"allocations": [1, "2"]}, ("allocations", 1)),
        ({"allocations": [1, 0]}, ("allocations", 1)),
        ({"allocations": [2**31]}, ("allocations", 0)),
        ({"allocations": [1] * 10_001}, ("allocations", None)),
        ({"allocations": [1], "recipient": "a@b.example"}, ("recipient", None)),
    ],
)
@pytest.mark.parametrize("act", ["revoke", "resend", "remind"])
def test_an_invalid_list_of_allocations_is_refused(api, pool, act, asked, fault):
    outcome = assert_problem(api.post(f"/allocations/{act}", asked), 400, "invalid_request")
    assert [(data["field"], data.get("row")) for data in outcome["errors"]] == [fault]


@pytest.mark.slow
@pytest.mark.parametrize("act", ["resend", "remind", "revoke"])
def test_ten_and_five_hundred_cost_as_many_queries(api, nimes, now, act):
    pool = orders.grant(collectivity=nimes, licences=5000, reason="Essai", by=None, at=now)
    api.get("/pools")
    asked = []
    for count in (10, 500):
        demands = [Demand(school.uai, 1, school.email) for school in SchoolFactory.create_batch(count)]
        given = operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=now)
        mark_sent()
        with CaptureQueriesContext(connection) as queries:
            data = api.post(f"/allocations/{act}", {"allocations": list(given.allocations.values())}).json()
        assert data["done"] == count
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 33
