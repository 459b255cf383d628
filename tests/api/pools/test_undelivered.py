"""Keys that did not arrive: their list, and their resending to corrected addresses."""

import pytest
from django.utils import timezone

from api.fields import MAX_INTEGER
from collectivities.models import PortfolioSchool
from licensing.pools.actions_api import CorrectedAddressSerializer
from mailing import refusals
from mailing.models import Message, MessageState
from tests.api.client import assert_problem
from tests.emails import BOUNCE_FIELDS
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units

WRONG = "zloa@exemple.example"


@pytest.fixture
def lost(pool):
    allocation = allocate_units(pool, SchoolFactory(), units=2, recipient=WRONG, at=timezone.now())
    allocate_units(pool, SchoolFactory(), units=2, at=timezone.now())
    Message.objects.filter(topic_id=allocation.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    return allocation


@pytest.mark.parametrize(
    ("row", "is_valid"),
    [
        ({}, True),
        ({"allocation": MAX_INTEGER}, True),
        ({"allocation": MAX_INTEGER + 1}, False),
        ({"allocation": 0}, False),
        ({"allocation": True}, False),
        ({"allocation": "1"}, False),
        ({"recipient": 1}, False),
        ({"recipient": " a@exemple.example"}, False),
        ({"more": 1}, False),
    ],
)
def test_the_fast_path_takes_what_the_slow_one_takes(row, is_valid):
    row = {"allocation": 1, "recipient": "a@exemple.example"} | row
    assert CorrectedAddressSerializer().is_valid_as_is(row) is is_valid
    # The slow one may clean what the fast one leaves to it.
    assert not is_valid or CorrectedAddressSerializer(data=row).is_valid()


def readdress(api, *corrections):
    rows = [{"allocation": allocation, "recipient": recipient} for allocation, recipient in corrections]
    return api.post("/allocations/readdress", {"corrections": rows})


@pytest.mark.slow
def test_what_did_not_arrive_is_listed_with_another_address(api, lost):
    answer = api.get("/allocations/undelivered").json()
    assert answer["data"] == [
        {
            "allocation": lost.pk,
            "school": lost.school_id,
            "recipient": WRONG,
            "reason": BOUNCE_FIELDS["reason"],
            "proposed": lost.school.email,
            "origin": "directory",
            "held_message": None,
        }
    ]


@pytest.mark.slow
def test_each_correction_is_done_or_refused_by_itself(api, lost):
    PortfolioSchoolFactory(school=lost.school)
    refusals.refuse({"mort@exemple.example": "Cette adresse n'existe pas."}, at=timezone.now())
    answer = readdress(api, (lost.pk, "zola@exemple.example"), (987654321, "a@exemple.example"))
    assert answer.status_code == 200
    assert [(row["allocation"], row["code"]) for row in answer.json()["results"]] == [
        (lost.pk, None),
        (987654321, "unknown_allocation"),
    ]
    assert PortfolioSchool.objects.get().contact_email == "zola@exemple.example"
    assert api.get("/allocations/undelivered").json()["data"] == []
    [refused] = readdress(api, (lost.pk, "mort@exemple.example")).json()["results"]
    assert (refused["code"], refused["detail"].startswith("L'adresse mort@exemple.example a été refusée")) == (
        "recipient_refused",
        True,
    )
    [bad] = readdress(api, (lost.pk, "pas une adresse")).json()["results"]
    assert bad["code"] == "invalid_recipient"


@pytest.mark.slow
def test_the_same_request_twice_is_done_once(api, lost):
    body = {"corrections": [{"allocation": lost.pk, "recipient": "zola@exemple.example"}]}
    for _ in range(2):
        assert api.post("/allocations/readdress", body, key="une-fois").json()["done"] == 1
    assert Message.objects.filter(recipient="zola@exemple.example").count() == 1


@pytest.mark.parametrize("body", [{}, {"corrections": []}, {"corrections": [{"allocation": 0, "recipient": "a"}]}])
def test_a_request_without_a_correction_is_refused(api, pool, body):
    assert_problem(api.post("/allocations/readdress", body), 400, "invalid_request")
