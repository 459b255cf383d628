"""Requests for unused licences by API: asked, listed, read, withdrawn."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from licensing.requests.returns.models import ANSWER_PERIOD, ReturnRequest
from licensing.requests.returns.wording import ReturnStatus
from tests.api.client import assert_problem
from tests.returns.given_school import GivenSchool

pytestmark = pytest.mark.slow


@pytest.fixture
def jaures(nimes):
    return GivenSchool(nimes, at=timezone.now())


@pytest.mark.small
def test_a_request_is_asked_listed_read_and_withdrawn(api, jaures):
    answer = api.post(f"/allocations/{jaures.allocation.pk}/return-request", {})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["units"], made["state"], made["school"]) == (5, "open", jaures.school.pk)
    assert made["allocation"] == jaures.allocation.pk
    assert answer["Location"].endswith(f"/return-requests/{made['id']}")
    assert api.get(f"/return-requests/{made['id']}").json() == made
    assert api.get(f"/return-requests?state=open&school={jaures.school.pk}").json()["data"] == [made]
    assert api.get("/return-requests?state=declined").json()["data"] == []
    withdrawn = api.post(f"/return-requests/{made['id']}/withdraw", {}).json()
    assert withdrawn["state"] == "withdrawn"
    assert api.post(f"/return-requests/{made['id']}/withdraw", {}).json() == withdrawn


def test_an_answer_has_the_words_of_the_school(api, jaures):
    made = api.post(f"/allocations/{jaures.allocation.pk}/return-request", {"units": 3}).json()
    jaures.give_back(4, at=timezone.now(), comment="Bonne année")
    read = api.get(f"/return-requests/{made['id']}").json()
    assert (read["state"], read["returned"], read["comment"]) == ("accepted", 3, "Bonne année")
    assert_problem(api.post(f"/return-requests/{made['id']}/withdraw", {}), 409, "return_request_ended")
    allocation = api.get(f"/allocations/{jaures.allocation.pk}").json()
    assert (allocation["units"], allocation["state"], allocation["situation"]) == (1, "redeemed", "redeemed")
    jaures.give_back(1, at=timezone.now())
    allocation = api.get(f"/allocations/{jaures.allocation.pk}").json()
    assert (allocation["units"], allocation["state"], allocation["situation"]) == (0, "redeemed", "returned")


@pytest.mark.parametrize(
    ("asked", "ended", "states"),
    [
        (datetime.timedelta(0), "", {"open"}),
        (ANSWER_PERIOD, "", {"expired"}),
        (datetime.timedelta(0), "expired", {"expired"}),
        (datetime.timedelta(0), "withdrawn", {"withdrawn"}),
    ],
)
def test_requests_are_listed_by_how_they_stand(api, jaures, asked, ended, states):
    now = timezone.now()
    request = jaures.ask(at=now - asked)
    if ended:
        ReturnRequest.objects.update(outcome=ended, answered_at=now)
    listed = {state for state in ReturnStatus if api.get(f"/return-requests?state={state}").json()["data"]}
    assert listed == states == {api.get(f"/return-requests/{request.pk}").json()["state"]}


def test_refusals_have_their_codes(api, jaures):
    path = f"/allocations/{jaures.allocation.pk}/return-request"
    assert_problem(api.post(path, {"units": 6}), 409, "more_than_unused")
    assert api.post(path, {"units": 0}).status_code == 400
    assert api.post(path, {"units": 10**12}).status_code == 400
    api.post(path, {})
    assert_problem(api.post(path, {"again": True}), 409, "return_already_requested")
    jaures.keep(ReturnRequest.objects.get(outcome=""), at=timezone.now())
    assert_problem(api.post(path, {}), 409, "return_requested_lately")
    assert api.post(path, {"again": True}).status_code == 201


def test_nothing_of_another_collectivity_is_found(api, jaures, gard):
    with tenant_context(gard):
        other = GivenSchool(gard, at=timezone.now())
        asked = other.ask(at=timezone.now())
    assert api.get(f"/return-requests/{asked.pk}").status_code == 404
    assert api.post(f"/return-requests/{asked.pk}/withdraw", {}).status_code == 404
    assert api.get("/return-requests").json()["data"] == []
    assert api.post("/allocations/900000001/return-request", {}).status_code == 404
