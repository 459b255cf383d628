"""`/members`: the members of the office and their roles."""

from collectivities.capabilities import Role
from collectivities.models import Member
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory


def test_current_members_are_listed_with_their_roles(api):
    buyer = MemberFactory(roles=[Role.BUYER, Role.VIEWER], joined_at=TERM)
    manager = MemberFactory()
    MemberFactory(left_at=TERM)
    listed = api.get("/members").json()["data"]
    assert [one["id"] for one in listed] == [buyer.pk, manager.pk]
    assert listed[0] == {
        "id": buyer.pk,
        "first_name": buyer.user.first_name,
        "last_name": buyer.user.last_name,
        "email": buyer.user.email,
        "roles": ["buyer", "viewer"],
        "joined_at": "2026-11-24T09:00:00Z",
    }
    assert [one["id"] for one in api.get("/members?role=manager").json()["data"]] == [manager.pk]
    assert api.get("/members?role=chef").status_code == 400


def test_tokens_are_not_members(api):
    assert api.get("/members").json() == {"data": [], "next": None}
    assert not Member.objects.exists()


def test_members_cost_as_many_queries_whatever_their_number(api, django_assert_num_queries):
    api.get("/members")
    for _ in range(2):
        MemberFactory.create_batch(3)
        with django_assert_num_queries(8):
            api.get("/members")
