"""What may be refused to whoever types, gives or takes back a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.exceptions import Refused

if TYPE_CHECKING:
    from schools.models import School


class MistypedKey(Refused):
    """The symbols cannot be a key; nothing was looked up."""

    code = "typo"


class UnknownKey(Refused):
    """The symbols are well formed and name no key."""

    code = "unknown_key"


class KeyRevoked(Refused):
    """Its collectivity took the key back before anybody redeemed it."""

    code = "key_revoked"


class KeyExpired(Refused):
    """The last day of its licences has passed in Paris, or their order was cancelled."""

    code = "key_expired"


class KeySuspended(Refused):
    """Its order awaits its purchase order or its payment: until then, nothing can be opened or given with it."""

    code = "key_suspended"


class KeyOfAnotherSchool(Refused):
    """The key is meant for a school that the principal's account does not lead."""

    code = "key_of_another_school"


class SchoolNotChosen(Refused):
    """The key is meant for `school`; the principal typed his own by hand, or none, and may join the directory's."""

    code = "school_not_chosen"

    def __init__(self, sentence: str, school: School | None) -> None:
        super().__init__(sentence)
        self.school = school


class AlreadyRedeemed(Refused):
    """A principal of the school activated it already."""

    code = "already_redeemed"


class NotYetRedeemed(Refused):
    """A teacher types a key that no principal has activated."""

    code = "not_yet_redeemed"


class NoSeatLeft(Refused):
    """Every unit is held by a teacher."""

    code = "no_seat_left"


class NobodyChosen(Refused):
    """No teacher was ticked."""

    code = "nobody_chosen"


class AlreadyServed(Refused):
    """The teacher holds a unit of this subscription: one each is the rule."""

    code = "already_served"


class WithdrawnFromTeacher(Refused):
    """The principal took the key back from this teacher, who may not help himself to it again."""

    code = "withdrawn"


class NotYours(Refused):
    """The subscription belongs to a school whose keys this account does not administer."""

    code = "not_yours"


class NotVerified(Refused):
    """The principal's school is not verified: he cannot reach into its list of teachers."""

    code = "not_verified"


class TeacherOfAnotherSchool(Refused):
    """The teacher's account is not attached to the subscription's school: he types the key himself."""

    code = "teacher_of_another_school"


class SeatHasChangedHands(Refused):
    """The page was old: the unit is no longer held by the teacher it named."""

    code = "seat_changed_hands"


class NotForThisProfile(Refused):
    """Only principals and teachers have keys to type."""

    code = "not_for_this_profile"


class TooManyGuesses(Refused):
    """Too many well-formed keys that do not exist were tried by this account, or from this address."""

    code = "too_many_guesses"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
