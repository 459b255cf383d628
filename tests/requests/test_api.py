"""`/requests` of the API: what is listed, accepted and refused, once."""

import pytest
from django_tenants.utils import tenant_context

from licensing.pools.models import Pool
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd
from tests.api.client import assert_problem, create_client
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.requests.asking_school import AskingSchool, open_pool, read, refuse
from tests.tiers import sampled


@pytest.fixture
def api(nimes):
    return create_client()


@pytest.mark.slow
def test_the_list_has_what_is_asked_by_state_school_and_year(api, jaures):
    first, other = jaures.ask(), AskingSchool()
    second = other.ask(units=2)
    refuse(second)
    rows = api.get("/requests").json()["data"]
    assert [row["id"] for row in rows] == [second.pk, first.pk]
    assert rows[0] == {
        "id": second.pk,
        "school": other.school.pk,
        "school_year": 2027,
        "units": 2,
        "reason": second.reason,
        "state": "refused",
        "accepted_units": None,
        "answer": "Le budget de l'année est engagé.",
        "created_at": rows[0]["created_at"],
        "ended_at": rows[0]["ended_at"],
    }
    assert [row["id"] for row in api.get("/requests?state=open").json()["data"]] == [first.pk]
    assert [row["id"] for row in api.get(f"/requests?school={other.school.pk.lower()}").json()["data"]] == [second.pk]
    assert api.get("/requests?school_year=2028").json()["data"] == []
    assert_problem(api.get("/requests?state=perdue"), 400, "invalid_request")
    assert not any(jaures.principal.last_name in str(row) for row in rows)


@pytest.mark.slow
def test_a_page_of_the_list_takes_a_constant_number_of_queries(api, jaures, django_assert_max_num_queries):
    jaures.ask()
    api.get("/requests")
    for _ in range(3):
        AskingSchool().ask()
    with django_assert_max_num_queries(7):
        assert len(api.get("/requests").json()["data"]) == 4


@pytest.mark.slow
def test_several_are_accepted_at_once_for_less_or_for_what_they_ask(api, jaures):
    first, second, pool = jaures.ask(), AskingSchool().ask(units=2), open_pool()
    body = {"pool": pool.pk, "requests": [{"request": first.pk, "units": 1}, {"request": second.pk}]}
    answer = api.post("/requests/accept", body)
    assert answer.status_code == 200
    assert [(row["state"], row["accepted_units"]) for row in answer.json()["results"]] == [
        ("accepted", 1),
        ("accepted", 2),
    ]
    assert Pool.objects.get(pk=pool.pk).allocated == 3
    assert_problem(api.post("/requests/accept", body), 409, "request_answered")
    assert Pool.objects.get(pk=pool.pk).allocated == 3


@pytest.mark.slow
def test_what_a_rebalancing_grants_is_a_state_of_its_own_and_answered_by_nobody_else(api, nimes):
    lot = UnbalancedPool(nimes)
    request, waiting = lot.ask(), lot.ask()
    made = lot.rebalance({lot.zola.pk: 2}, {request.school_id: 2})
    row = api.get(f"/requests/{request.pk}").json()
    assert (row["state"], row["accepted_units"], row["ended_at"]) == ("granted", 2, None)
    for state, found in (("granted", [request.pk]), ("open", [waiting.pk]), ("accepted", [])):
        assert [one["id"] for one in api.get(f"/requests?state={state}").json()["data"]] == found
    body = {"pool": lot.pool.pk, "requests": [{"request": request.pk}]}
    assert_problem(api.post("/requests/accept", body), 409, "request_answered")
    assert_problem(api.post("/requests/refuse", {"requests": [request.pk], "reason": "Non."}), 409, "request_answered")
    lot.undo(made)
    assert api.get(f"/requests/{request.pk}").json()["state"] == "open"


@pytest.mark.slow
def test_an_accepted_list_that_is_sent_again_gives_once(api, jaures):
    body = {"pool": open_pool().pk, "requests": [{"request": jaures.ask().pk}]}
    answers = [api.post("/requests/accept", body, key="une-fois") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert Pool.objects.get().allocated == 3


@pytest.mark.slow
def test_refusing_takes_a_sentence(api, jaures):
    request = jaures.ask()
    assert_problem(api.post("/requests/refuse", {"requests": [request.pk]}), 400, "invalid_request")
    answer = api.post("/requests/refuse", {"requests": [request.pk], "reason": "voir www.exemple.example"})
    assert_problem(answer, 409, "invalid_reason")
    answer = api.post("/requests/refuse", {"requests": [request.pk], "reason": "Pas cette année."})
    assert answer.json()["results"][0]["answer"] == "Pas cette année."
    assert read(request).outcome == LicenceRequestEnd.REFUSED


@pytest.mark.parametrize("number", sampled([0, -1, 10**12, "31", None, 3.5, True], fast=2))
def test_what_is_no_number_of_a_request_is_refused(api, jaures, number):
    request = jaures.ask()
    for row in ({"request": number}, {"request": request.pk, "units": number}):
        if row.get("units", 1) is None:
            continue
        answer = api.post("/requests/accept", {"pool": open_pool().pk, "requests": [row]})
        assert answer.status_code == 400, answer.json()
    assert api.post("/requests/refuse", {"requests": [number], "reason": "Non."}).status_code == 400
    assert read(request).is_pending


@pytest.mark.slow
def test_another_office_s_requests_are_not_there(nimes, gard, jaures):
    request = jaures.ask()
    theirs = create_client("gard")
    assert theirs.get("/requests").json()["data"] == []
    assert_problem(theirs.get(f"/requests/{request.pk}"), 404, "not_found")
    with tenant_context(gard):
        pool = open_pool()
    body = {"pool": pool.pk, "requests": [{"request": request.pk}]}
    assert_problem(theirs.post("/requests/accept", body), 409, "unknown_request")
    assert_problem(
        theirs.post("/requests/refuse", {"requests": [request.pk], "reason": "Non."}), 409, "unknown_request"
    )
    assert LicenceRequest.objects.get().is_pending
