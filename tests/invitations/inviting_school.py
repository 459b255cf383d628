"""A school, its verified principal, and what they invite."""

from licensing.requests.invitations import operations
from tests.conftest import TERM
from tests.entitlements.school_scenario import SchoolScenario


class InvitingSchool(SchoolScenario):
    """A school whose principal is verified by the key of its subscription."""

    def __init__(self, units=3):
        super().__init__()
        self.code, self.licences = self.subscription(units=units)

    def invite(self, *addresses, at=TERM, **fields):
        """Return the result of inviting these addresses."""
        fields = {"subscription_id": self.licences.pk, "by": self.principal} | fields
        return operations.invite_teachers(addresses="\n".join(addresses), at=at, **fields)

    def invite_one(self, address="lea.martin@ac-nimes.example", **fields):
        """Return the invitation of one address."""
        [invitation] = self.invite(address, **fields).invitations
        return invitation

    def count_seats(self):
        """Return how many seats are free, reserved and held."""
        seats = self.licences.seats
        return seats.free().count(), seats.reserved().count(), seats.held().count()
