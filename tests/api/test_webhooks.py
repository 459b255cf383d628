"""Webhooks and events in the API."""

import datetime

import pytest
from django.utils import timezone

from collectivities.models import AuditEntry
from tests.api.client import assert_problem, create_client
from tests.webhooks import receiver as behaviours
from tests.webhooks.conftest import reachable, receiver  # noqa: F401 - fixtures
from tests.webhooks.events import deliver_due, emit_events, make_issued_event
from webhooks.models import Delivery, WebhookEndpoint

URL = "https://si.ville.example/peps?cle=s3cret"


def add(api, **body):
    answer = api.post("/webhooks", {"url": URL} | body)
    assert answer.status_code == 201, answer.content.decode()
    return answer.json()


@pytest.mark.slow
def test_a_webhook_is_added_read_changed_and_deleted(api):
    answer = api.post("/webhooks", {"url": URL, "types": ["pool.low", "order.paid", "pool.low"]})
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert answer["Location"].endswith(f"/api/v1/webhooks/{made['id']}")
    assert made["types"] == ["order.paid", "pool.low"]
    read = api.get(f"/webhooks/{made['id']}").json()
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert api.get("/webhooks").json() == {"data": [read], "next": None}
    changed = api.request("PATCH", f"/webhooks/{made['id']}", {"types": [], "enabled": False}).json()
    assert (changed["types"], changed["enabled"], changed["disabled_reason"]) == ([], False, "manual")
    assert_problem(api.post(f"/webhooks/{made['id']}/test"), 409, "webhook_disabled")
    assert api.request("PATCH", f"/webhooks/{made['id']}", {"enabled": True}).json()["disabled_reason"] is None
    gone = api.request("DELETE", f"/webhooks/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    for way in (api.get, api.post):
        way_path = f"/webhooks/{made['id']}" + ("/rotate" if way == api.post else "")
        assert_problem(way(way_path), 404, "not_found")
    assert_problem(api.request("DELETE", f"/webhooks/{made['id']}"), 404, "not_found")
    assert_problem(api.get(f"/webhooks/{made['id']}/deliveries"), 404, "not_found")
    assert api.get("/webhooks").json()["data"] == []


@pytest.mark.slow
def test_the_journal_says_who_did_it_and_holds_no_secret(api):
    made = add(api)
    api.post(f"/webhooks/{made['id']}/rotate")
    api.request("PATCH", f"/webhooks/{made['id']}", {"url": "https://autre.example/"})
    api.request("PATCH", f"/webhooks/{made['id']}", {"url": "https://autre.example/"})
    api.request("DELETE", f"/webhooks/{made['id']}")
    result = list(AuditEntry.objects.filter(action__startswith="webhooks.").order_by("pk"))
    assert [entry.summary for entry in result] == [
        "Webhook vers si.ville.example : ajouté.",
        "Webhook vers si.ville.example : secret renouvelé.",
        "Webhook vers si.ville.example : conduit désormais vers autre.example.",
        "Webhook vers autre.example : supprimé.",
    ]
    assert {entry.actor_name for entry in result} == {"Jeton « SI de la ville »"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": 4}, "url"),
        ({"url": "ftp://si.example/"}, "url"),
        ({"url": "https://si.example/é"}, "url"),
        ({"url": f"https://si.example/{'a' * 500}"}, "url"),
        ({"url": URL, "types": ["webhook.test"]}, "types"),
        ({"url": URL, "types": "pool.low"}, "types"),
        ({"url": URL, "types": [1]}, "types"),
        ({"url": URL, "enabled": True}, "enabled"),
        ({"url": URL, "secret": "whsec_"}, "secret"),
    ],
)
def test_an_invalid_field_is_refused_by_name(api, body, field):
    result = assert_problem(api.post("/webhooks", body), 400, "invalid_request")
    assert {fault["field"] for fault in result["errors"]} == {field}
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://[::1]/", "https://localhost/", "https://moi:secret@si.example/", "https://a:99999/"],
)
def test_a_forbidden_url_is_refused(api, url):
    assert_problem(api.post("/webhooks", {"url": url}), 409, "url_not_allowed")
    made = add(api)
    assert_problem(api.request("PATCH", f"/webhooks/{made['id']}", {"url": url}), 409, "url_not_allowed")


def test_a_url_is_registered_once(api):
    add(api)
    assert_problem(api.post("/webhooks", {"url": URL}), 409, "url_already_used")


def test_a_webhook_that_is_added_twice_under_one_key_is_one_with_one_secret(api):
    first, again = (api.post("/webhooks", {"url": URL}, key="une-fois") for _ in range(2))
    assert first.json() == again.json()
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.slow
def test_a_test_event_has_a_delivery_with_attempts(api, receiver):  # noqa: F811 - the fixture
    receiver.behaviour = behaviours.respond_with(503, b"<b>plus tard</b>")
    made = add(api, url=receiver.url, types=["order.paid"])
    sent = api.post(f"/webhooks/{made['id']}/test")
    assert sent.status_code == 202
    number = sent.json()["number"]
    assert sent.json()["event"]["type"] == "webhook.test"
    deliver_due(WebhookEndpoint.objects.get())
    read = api.get(f"/webhooks/{made['id']}/deliveries/{number}").json()
    assert (read["state"], read["attempt_count"], read["event"]["data"]) == ("pending", 1, {"webhook": made["id"]})
    assert read["next_attempt_at"] is not None
    [one] = read["attempts"]
    assert (one["status_code"], one["response_body"]) == (503, "<b>plus tard</b>")
    assert one["reason"] == read["reason"]
    assert_problem(api.post(f"/webhooks/{made['id']}/deliveries/{number}/replay"), 409, "delivery_pending")
    assert api.get(f"/webhooks/{made['id']}").json()["failing_since"] is not None


@pytest.mark.slow
def test_a_delivery_is_replayed(api, receiver):  # noqa: F811 - the fixture
    made = add(api, url=receiver.url)
    emit_events(make_issued_event(1))
    deliver_due(WebhookEndpoint.objects.get())
    [delivered] = api.get(f"/webhooks/{made['id']}/deliveries").json()["data"]
    assert (delivered["state"], delivered["next_attempt_at"]) == ("delivered", None)
    again = api.post(f"/webhooks/{made['id']}/deliveries/{delivered['number']}/replay")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    deliver_due(WebhookEndpoint.objects.get())
    assert receiver.received[0].id == receiver.received[1].id == delivered["event"]["id"]
    assert_problem(api.post(f"/webhooks/{made['id']}/deliveries/999/replay"), 404, "not_found")


@pytest.mark.slow
def test_deliveries_are_filtered_and_scoped_to_their_webhook(api, receiver):  # noqa: F811 - the fixture
    first, second = add(api, url=receiver.url), add(api, url=f"{receiver.url}/autre")
    emit_events(make_issued_event(1))
    api.post(f"/webhooks/{first['id']}/test")
    Delivery.objects.filter(event__type="webhook.test").update(state="failed", settled_at=timezone.now())
    path = f"/webhooks/{first['id']}/deliveries"

    def types(query):
        return [one["event"]["type"] for one in api.get(path + query).json()["data"]]

    assert types("") == ["webhook.test", "allocation.issued"]
    assert types("?state=failed") == ["webhook.test"]
    assert types("?type=allocation.issued&type=order.paid") == ["allocation.issued"]
    assert types("?limit=1") == ["webhook.test"]
    assert_problem(api.get(path + "?state=perdu"), 400, "invalid_request")
    number = api.get(path).json()["data"][0]["number"]
    assert_problem(api.get(f"/webhooks/{second['id']}/deliveries/{number}"), 404, "not_found")


@pytest.mark.slow
def test_events_are_listed_in_order_and_filtered(api):
    now = timezone.now()
    emit_events(make_issued_event(1), at=now - datetime.timedelta(hours=2))
    emit_events(make_issued_event(2), make_issued_event(1), at=now)

    def subjects(query=""):
        return [one["subject"] for one in api.get(f"/events{query}").json()["data"]]

    assert subjects() == ["allocation:1", "allocation:2", "allocation:1"]
    assert subjects("?subject=allocation:1") == ["allocation:1", "allocation:1"]
    assert subjects("?type=pool.low") == []
    hour_ago = (now - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert subjects(f"?occurred_after={hour_ago}") == ["allocation:2", "allocation:1"]
    assert subjects(f"?occurred_before={hour_ago}") == ["allocation:1"]
    first = api.get("/events?limit=2").json()
    rest = api.get(first["next"].partition("/api/v1")[2]).json()
    assert [one["subject"] for one in rest["data"]] == ["allocation:1"]
    one = rest["data"][0]
    assert api.get(f"/events/{one['id']}").json() == one


@pytest.mark.parametrize("name", ["evt_0", "evt_%C3%A9", "evt_" + "0" * 28, "x" * 300])
def test_an_unknown_event_is_a_404(api, name):
    assert_problem(api.get(f"/events/{name}"), 404, "not_found")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/events", "/webhooks", "/webhooks/{}/deliveries"])
def test_a_list_costs_as_many_queries_whatever_its_length(api, path, django_assert_num_queries):
    made = add(api)
    path = path.format(made["id"])
    emit_events(make_issued_event(1))
    api.get(path)
    add(api, url="https://autre.example/")
    emit_events(make_issued_event(2), make_issued_event(3))
    # The host, the token, its account, its limit, the page; and, for deliveries, the webhook.
    with django_assert_num_queries(7 + path.endswith("deliveries")):
        api.get(path)


def test_reading_events_requires_the_read_scope(api):
    assert_problem(create_client(scopes=["webhooks"]).get("/events"), 403, "insufficient_scope")
    assert_problem(create_client(scopes=["read"]).get("/webhooks"), 403, "insufficient_scope")
