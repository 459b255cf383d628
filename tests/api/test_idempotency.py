"""`Idempotency-Key`: requests repeated with one key run once and get the same response."""

import datetime
import uuid
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from api import idempotency
from api.models import IdempotencyRecord
from api.problem_details import ApiProblem
from api.tasks import prune_records
from jobs import due
from jobs.models import DueWork
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from mailing.models import Message
from tests.api.client import ApiClient, assert_problem, create_client, create_token
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently

KEY = "0d6f3b1e-2f8d-4b3c-9b55-3f5f2f0d6a01"


def open_pool(collectivity, licences=100):
    return orders.grant(collectivity=collectivity, licences=licences, reason="Essai", by=None, at=timezone.now())


@pytest.fixture
def body(nimes):
    """An allocation of three licences."""
    return {"pool": open_pool(nimes).pk, "school": SchoolFactory().uai, "units": 3}


def assert_replayed(answer, first):
    """Assert that the response is the first one, byte for byte, marked as replayed."""
    assert (answer.status_code, answer.content) == (first.status_code, first.content)
    assert answer["Content-Type"] == first["Content-Type"]
    assert answer.headers.get("Location") == first.headers.get("Location")
    assert answer["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first


@pytest.mark.slow
def test_the_same_request_with_the_same_key_is_replayed_and_runs_once(api, body):
    first = api.post("/allocations", body, key=KEY)
    assert (first.status_code, "Location" in first) == (201, True)
    for _ in range(2):
        assert_replayed(api.post("/allocations", body, key=KEY), first)
    # The same JSON in another key order, with other white space.
    reordered = b'{ "units":3,\n"school": "%s", "pool":%d }' % (body["school"].encode(), body["pool"])
    assert_replayed(api.request("POST", "/allocations", reordered, key=KEY), first)
    assert (Allocation.objects.get().units, Message.objects.count()) == (3, 1)


@pytest.mark.slow
def test_a_stored_answer_belongs_to_its_token(api, body):
    first = api.post("/allocations", body, key=KEY)
    other = create_client(name="Autre")
    # Another program's key is a key of its own: its request is done, and told as its own.
    again = other.post("/allocations", body, key=KEY)
    assert "Idempotent-Replayed" not in again
    assert again.json()["id"] == first.json()["id"]
    assert IdempotencyRecord.objects.count() == 2
    assert_problem(other.post("/allocations", body | {"units": 4}, key=KEY), 422, "idempotency_key_reused")
    secret = {"url": "https://si.exemple.fr/a", "types": []}
    shown = api.post("/webhooks", secret, key="hook").json()
    hidden = other.post("/webhooks", secret | {"url": "https://si.exemple.fr/b"}, key="hook")
    assert "Idempotent-Replayed" not in hidden
    assert shown["secret"] not in hidden.content.decode()
    assert_replayed(api.post("/allocations", body, key=KEY), first)


@pytest.mark.slow
def test_without_a_key_nothing_is_replayed(api, body):
    assert [api.post("/allocations", body).status_code for _ in range(2)] == [201, 200]
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.slow
def test_another_request_with_the_same_key_is_refused(api, body):
    first = api.post("/allocations", body, key=KEY)
    assert_problem(api.post("/allocations", body | {"units": 4}, key=KEY), 422, "idempotency_key_reused")
    assert_problem(api.post(f"/allocations/{first.json()['id']}/revoke", key=KEY), 422, "idempotency_key_reused")
    assert_problem(api.post("/allocations", {}, key=KEY), 422, "idempotency_key_reused")
    assert Allocation.objects.get().units == 3
    # The refused request did not replace the first.
    assert_replayed(api.post("/allocations", body, key=KEY), first)


def test_true_and_one_are_not_the_same_request(api, body):
    assert_problem(api.post("/allocations", body | {"total": 1}, key=KEY), 400, "invalid_request")
    assert_problem(api.post("/allocations", body | {"total": True}, key=KEY), 422, "idempotency_key_reused")


@pytest.mark.slow
def test_a_refusal_is_replayed_even_if_it_would_be_allowed_now(api, body):
    asked = body | {"units": 101}
    first = api.post("/allocations", asked, key=KEY)
    assert_problem(first, 409, "pool_exhausted")
    Pool.objects.filter(pk=body["pool"]).update(capacity=1000)
    assert_replayed(api.post("/allocations", asked, key=KEY), first)
    assert not Allocation.objects.exists()
    assert api.post("/allocations", asked, key=True).status_code == 201


def test_a_validation_error_is_replayed(api, body):
    first = api.post("/allocations", body | {"units": 0}, key=KEY)
    assert_problem(first, 400, "invalid_request")
    assert_replayed(api.post("/allocations", body | {"units": 0}, key=KEY), first)


@pytest.mark.slow
def test_a_bulk_response_is_replayed(api, nimes):
    rows = [{"school": school.uai, "units": 1} for school in SchoolFactory.create_batch(50)]
    asked = {"pool": open_pool(nimes).pk, "mode": "best_effort", "allocations": [*rows, rows[0]]}
    first = api.post("/allocations/bulk", asked, key=KEY)
    assert first.json()["created"] == 50
    assert_replayed(api.post("/allocations/bulk", asked, key=KEY), first)
    assert Message.objects.count() == 50


@pytest.mark.slow
def test_an_authorisation_error_is_not_stored(api, body):
    reader = create_client(scopes=["read"])
    assert_problem(reader.post("/allocations", body, key=KEY), 403, "insufficient_scope")
    assert_problem(ApiClient("peps_api_faux").post("/allocations", body, key=KEY), 401, "invalid_token")
    assert_problem(api.post("/allocations/999/revoke", key=KEY), 404, "not_found")
    assert not IdempotencyRecord.objects.exists()
    assert api.post("/allocations", body, key=KEY).status_code == 201
    # A stored response is not replayed to a token without the scope.
    assert_problem(reader.post("/allocations", body, key=KEY), 403, "insufficient_scope")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256])
def test_an_invalid_key_is_refused(api, body, key):
    assert_problem(api.post("/allocations", body, key=key), 400, "invalid_idempotency_key")
    assert not Allocation.objects.exists()


@pytest.mark.slow
def test_keys_are_scoped_to_their_collectivity(api, gard, body):
    first = api.post("/allocations", body, key=KEY)
    with tenant_context(gard):
        theirs = body | {"pool": open_pool(gard).pk}
    answer = create_client("gard").post("/allocations", theirs, key=KEY)
    assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, False)
    assert_replayed(api.post("/allocations", body, key=KEY), first)
    with tenant_context(gard):
        assert Allocation.objects.get().school_id == body["school"]


@pytest.mark.slow
def test_stored_responses_are_encrypted(nimes, body):
    made = create_token()
    asked = body | {"recipient": "direction.jaures@ecole.example"}
    ApiClient(made.secret).post("/allocations", asked, key="commande-de-septembre")
    key = unseal_key(ActivationKey.objects.get())
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(answer)::text, sealed_body FROM api_idempotencyrecord AS answer")
        [(row, sealed)] = cursor.fetchall()
    stored = row.encode() + bytes.fromhex(row.partition('sealed_body":"\\\\x')[2].partition('"')[0]) + bytes(sealed)
    for secret in (
        "commande-de-septembre", made.secret, made.secret[9:], key, key.replace("-", "")[-12:], "direction.jaures",
        "ecole.example", body["school"], '"units"', "recipient",
    ):  # fmt: skip
        assert secret.encode() not in stored


@pytest.mark.slow
def test_stored_responses_expire_after_seven_days(api, body, monkeypatch):
    first = api.post("/allocations", body, key=KEY)
    days = datetime.timedelta(days=7)
    assert due.take("api.prune_records", at=timezone.now() + days) == []
    shift_clock(monkeypatch, days)
    prune_records()
    assert_replayed(api.post("/allocations", body, key=KEY), first)
    shift_clock(monkeypatch, days + datetime.timedelta(days=2))
    assert due.take("api.prune_records", at=timezone.now()) == ["c_nimes"]
    prune_records()
    assert not IdempotencyRecord.objects.exists()
    # The expired key counts as new: the school's allocation grows.
    again = api.post("/allocations", body, key=KEY)
    assert (again.status_code, "Idempotent-Replayed" in again, again.json()["units"]) == (200, False, 6)


def shift_clock(monkeypatch, shift):
    moment = timezone.now() + shift
    monkeypatch.setattr(timezone, "now", lambda: moment)


def test_responses_that_are_kept_are_looked_at_again_in_a_day_at_most_once(api, body):
    api.post("/allocations", body, key=KEY)
    answered_at = IdempotencyRecord.objects.get().answered_at
    DueWork.objects.all().delete()
    for after, next_look in ((1, 8), (7.5, 8.5)):
        DueWork.objects.all().delete()
        assert idempotency.prune_records(at=answered_at + datetime.timedelta(days=after)) == 0
        moment = due.get_moment("api.prune_records", "c_nimes")
        assert moment == answered_at + datetime.timedelta(days=next_look)


@pytest.mark.slow
def test_a_server_error_is_not_stored_and_the_retry_runs_once(api, body, monkeypatch):
    api.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("licensing.pools.api.serialize_allocation", lambda _: 1 / 0)
        assert_problem(api.post("/allocations", body, key=KEY), 500, "internal_error")
    assert not Allocation.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    assert api.post("/allocations", body, key=KEY).status_code == 201


def test_an_answer_that_a_retry_may_better_is_not_stored(api, body, monkeypatch):
    def refuse(_):
        raise ApiProblem("service_unavailable", "Réessayez dans une minute.", status_code=503)

    with monkeypatch.context() as broken:
        broken.setattr("licensing.pools.api.serialize_allocation", refuse)
        assert api.post("/allocations", body, key=KEY).status_code == 503
    assert not IdempotencyRecord.objects.exists()
    assert api.post("/allocations", body, key=KEY).status_code == 201


# --- Real connections and commits -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_concurrent_request_with_the_same_key_gets_a_conflict(committing, monkeypatch):
    """The second request runs on its own connection before the first one commits."""
    asking, school = create_client(), SchoolFactory()
    body = {"pool": open_pool(committing).pk, "school": school.uai, "units": 3}
    meanwhile = []

    keep = idempotency._store_response  # noqa: SLF001 - the last step before the commit

    def keep_and_ask(hashed, asked, answer):
        if not meanwhile:
            second = ApiClient(asking.secret)
            meanwhile.extend(
                run_concurrently(
                    committing.schema_name, [lambda: second.post("/allocations", body, key=KEY)], expected_errors=()
                )
            )
        keep(hashed, asked, answer)

    monkeypatch.setattr(idempotency, "_store_response", keep_and_ask)
    first = asking.post("/allocations", body, key=KEY)
    [second] = meanwhile
    assert_problem(second, 409, "request_in_progress")
    assert int(second["Retry-After"]) >= 1
    assert "Idempotent-Replayed" not in second
    assert first.status_code == 201
    assert_replayed(asking.post("/allocations", body, key=KEY), first)
    assert Allocation.objects.get().units == 3


@pytest.mark.slow
def test_fifty_concurrent_requests_with_one_key_create_once(committing):
    asking, school = create_client(), SchoolFactory()
    body = {"pool": open_pool(committing).pk, "school": school.uai, "units": 3}
    asked = [lambda: ApiClient(asking.secret).post("/allocations", body, key=KEY)] * 50
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) <= {201, 409}
    created = [answer for answer in answers if answer.status_code == 201]
    assert len([answer for answer in created if "Idempotent-Replayed" not in answer]) == 1
    assert {answer.content for answer in created} == {created[0].content}
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "request_in_progress")
    assert (Allocation.objects.get().units, Message.objects.count(), ActivationKey.objects.count()) == (3, 1, 1)
    assert Pool.objects.get().allocated == 3


@pytest.mark.slow
@pytest.mark.parametrize("requests", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_concurrent_requests_with_distinct_keys_all_succeed(committing, requests):
    """The lock is per key: no request waits for one with another key."""
    asking, school = create_client(), SchoolFactory()
    body = {"pool": open_pool(committing).pk, "school": school.uai, "units": 1}
    asked = [lambda: ApiClient(asking.secret).post("/allocations", body, key=str(uuid.uuid4()))] * requests
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: requests - 1}
    assert Allocation.objects.get().units == requests
