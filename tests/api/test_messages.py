"""`/messages`: the states of the office's e-mails and their reasons, never their content."""

import datetime

import pytest

from licensing.entitlements import queries
from licensing.pools.operations import allocate
from mailing import personal_data, smtp_replies
from mailing.models import Message, MessageState
from tests.api.client import assert_problem
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory

LATER = TERM + datetime.timedelta(hours=1)


def message(**given):
    fields = {"kind": "key", "recipient": "a@exemple.example", "created_at": TERM, "due_at": TERM}
    return Message.objects.create(**(fields | given))


def ids(answer):
    return [one["id"] for one in answer.json()["data"]]


@pytest.mark.slow
def test_a_message_is_returned_without_its_content(api):
    school = SchoolFactory(name="École Jean Jaurès")
    allocation = allocate(pool_id=PoolFactory().pk, uai=school.uai, units=2, recipient=school.email, by=None, at=TERM)
    sent = Message.objects.get()
    answer = api.get(f"/messages/{sent.pk}")
    assert answer.json() == {
        "id": sent.pk,
        "kind": "key",
        "kind_label": "Clé d'activation",
        "recipient": school.email,
        "about": sent.about,
        "allocation": allocation.pk,
        "state": "queued",
        "reason": "",
        "server_response": "",
        "attempt_count": 0,
        "next_attempt_at": "2026-11-24T09:00:00Z",
        "created_at": "2026-11-24T09:00:00Z",
        "sent_at": None,
        "reported_at": None,
        "awaits_decision": False,
    }
    assert queries.unseal_key(allocation.key) not in answer.content.decode()
    assert ids(api.get(f"/messages?allocation={allocation.pk}")) == [sent.pk]


def test_the_reason_of_a_failed_message_is_in_french(api):
    result = smtp_replies.explain_reply(smtp_replies.SmtpReply(550, "5.1.1 User unknown"))
    lost = message(state=MessageState.BOUNCED, reason=result, attempts=1, reported_at=TERM)
    payload = api.get(f"/messages/{lost.pk}").json()
    assert payload["reason"] == "Cette adresse n'existe pas : corrigez-la et renvoyez le message."
    assert payload["server_response"] == "550 5.1.1 User unknown"
    assert (payload["attempt_count"], payload["next_attempt_at"], payload["allocation"]) == (1, None, None)


def test_a_message_to_an_account_that_was_deleted_names_nobody(api):
    sent = message(state=MessageState.SENT, sent_at=TERM, topic="invitation", topic_id=1)
    personal_data.anonymise(personal_data.filter_by_topic("invitation", [1]))
    payload = api.get(f"/messages/{sent.pk}").json()
    assert (payload["recipient"], payload["about"], payload["reason"]) == ("", "", personal_data.ERASED_REASON)


@pytest.mark.parametrize(
    ("state", "waits"), [(state, state in (MessageState.QUEUED, MessageState.DEFERRED)) for state in MessageState]
)
def test_every_state_is_returned_with_whether_it_is_pending(api, state, waits):
    sending = {"lease_until": LATER} if state == MessageState.SENDING else {}
    bounced = {"reported_at": TERM, "reason": "Refusé."} if state == MessageState.BOUNCED else {}
    one = message(state=state, sent_at=TERM, due_at=LATER, **sending, **bounced)
    payload = api.get(f"/messages/{one.pk}").json()
    assert (payload["state"], payload["next_attempt_at"] is not None) == (state.value, waits)


@pytest.mark.slow
def test_messages_are_filtered_and_listed_newest_first(api):
    first = message()
    second = message(
        kind="invitation", state=MessageState.FAILED, recipient="B@exemple.example", topic="allocation", topic_id=7,
        created_at=LATER,
    )  # fmt: skip
    other = message(topic="order", topic_id=7, created_at=LATER)
    for query, found in {
        "": [other, second, first],
        "state=failed&state=bounced": [second],
        "kind=invitation": [second],
        "kind=x": [],
        "allocation=7": [second],
        "recipient=b@exemple.example": [second],
        "created_after=2026-11-24T10:00:00Z": [other, second],
        "created_before=2026-11-24T10:00:00Z": [first],
    }.items():
        assert ids(api.get(f"/messages?{query}")) == [one.pk for one in found], query


@pytest.mark.parametrize(
    "query",
    [
        "state=gone", "allocation=x", "allocation=-1", "allocation=1e3", f"allocation={10**30}", "created_after=hier",
        "created_before=2026-11-24", "texte=x",
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused(api, query):
    assert_problem(api.get(f"/messages?{query}"), 400, "invalid_request")


@pytest.mark.parametrize("number", ["0", "-1", str(10**12), str(10**30), "x"])
def test_an_unknown_message_is_a_404(api, number):
    assert_problem(api.get(f"/messages/{number}"), 404, "not_found")


def test_messages_cost_as_many_queries_whatever_their_number(api, django_assert_num_queries):
    api.get("/messages")
    for _ in range(2):
        for _ in range(4):
            message(topic="allocation", topic_id=7)
        with django_assert_num_queries(7):
            api.get("/messages")
