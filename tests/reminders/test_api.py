"""Reminders in the API and as webhook events."""

import pytest
from django.utils import timezone

from licensing.reminders import operations
from licensing.reminders.models import Reminder, ReminderPolicy
from licensing.reminders.queries import get_policy
from schools import calendar
from tests.api.client import assert_problem, create_client
from tests.conftest import TERM
from tests.reminders.actions import give, moment, plan_at
from webhooks import endpoints
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.slow

DEFAULTS = {"enabled": True, "unredeemed_days": [10, 25, 45], "unused_days": 15, "october": True}


@pytest.fixture
def api(nimes):
    return create_client()


@pytest.fixture
def planned(pool):
    allocation = give(pool)
    plan_at(TERM)
    return allocation


def test_the_policy_of_a_pool_is_read_and_changed_in_part(api, pool):
    path = f"/pools/{pool.pk}/reminder-policy"
    assert api.get(path).json() == {"pool": pool.pk, **DEFAULTS}
    changed = api.request("PATCH", path, {"unredeemed_days": [30, 14], "unused_days": None}).json()
    assert changed == {"pool": pool.pk, **DEFAULTS, "unredeemed_days": [14, 30], "unused_days": None}
    assert api.request("PATCH", path, {"enabled": False}).json() == changed | {"enabled": False}
    assert api.request("PATCH", path, {}).json() == changed | {"enabled": False}
    assert get_policy(pool.pk).is_enabled is False


@pytest.mark.small
@pytest.mark.parametrize(
    "body",
    [
        {"unredeemed_days": [0]},
        {"unredeemed_days": [10**12]},
        {"unredeemed_days": [1, 2, 3, 4, 5, 6]},
        {"unredeemed_days": None},
        {"unused_days": 0},
        {"unused_days": 181},
        {"enabled": "non"},
        {"unknown": 1},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(api, pool, body):
    answer = api.request("PATCH", f"/pools/{pool.pk}/reminder-policy", body)
    assert answer.status_code == 400
    assert not ReminderPolicy.objects.exists()


def test_planned_reminders_are_listed_and_cancelled(api, planned, pool):
    reminder = Reminder.objects.get()
    listed = {
        "id": reminder.pk,
        "allocation": planned.pk,
        "pool": pool.pk,
        "school": planned.school_id,
        "cause": "unredeemed",
        "days": 10,
        "planned_for": "2026-12-04",
        "cancelled_at": None,
    }
    assert api.get("/reminders").json()["data"] == [listed]
    assert api.get(f"/reminders?pool={pool.pk}").json()["data"] == [listed]
    assert api.get(f"/reminders?pool={pool.pk + 1}").json()["data"] == []
    cancelled = api.post(f"/reminders/{reminder.pk}/cancel", {}).json()
    assert cancelled["cancelled_at"]
    assert api.post(f"/reminders/{reminder.pk}/cancel", {}).json() == cancelled
    assert [one["days"] for one in api.get("/reminders").json()["data"]] == [25]


def test_what_left_is_not_cancelled(api, planned):
    reminder = Reminder.objects.get()
    operations.run(at=moment(2026, 12, 4))
    assert_problem(api.post(f"/reminders/{reminder.pk}/cancel", {}), 409, "reminder_already_sent")


@pytest.mark.small
@pytest.mark.parametrize("number", [0, 10**12])
def test_numbers_that_name_nothing(api, number):
    assert api.get(f"/pools/{number}/reminder-policy").status_code == 404
    assert api.request("PATCH", f"/pools/{number}/reminder-policy", {"enabled": False}).status_code == 404
    assert api.post(f"/reminders/{number}/cancel", {}).status_code == 404


def test_a_second_reminder_in_a_week_is_sent_only_with_anyway(api, planned):
    calendar.claim_weeks([planned.school_id], at=timezone.now())
    path = f"/allocations/{planned.pk}/remind"
    assert_problem(api.post(path, {}), 409, "written_this_week")
    assert_problem(api.post(path, {"anyway": False}), 409, "written_this_week")
    bulk = api.post("/allocations/remind", {"allocations": [planned.pk]}).json()
    assert [one["code"] for one in bulk["results"]] == ["written_this_week"]
    assert api.post(path, {"anyway": True}).status_code == 200


def test_a_reminder_that_leaves_is_an_event_for_who_listens(planned, pool):
    endpoints.add(url="https://si.exemple.fr/peps", types=["reminder.sent"], by_id=None, at=TERM)
    operations.run(at=moment(2026, 12, 4))
    event = WebhookEvent.objects.get()
    assert (event.type, event.subject) == ("reminder.sent", f"allocation:{planned.pk}")
    assert event.data == {
        "allocation": planned.pk,
        "pool": pool.pk,
        "uai": planned.school_id,
        "cause": "unredeemed",
        "days": 10,
    }
