"""What the pools' operations refuse. Each says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import Refused


class UnknownPool(Refused):
    code = "unknown_pool"


class PoolExhausted(Refused):
    code = "pool_exhausted"


class PoolSuspended(Refused):
    code = "pool_suspended"


class PoolClosed(Refused):
    code = "pool_closed"


class UnknownSchool(Refused):
    code = "unknown_school"


class SchoolClosed(Refused):
    code = "school_closed"


class SchoolTwice(Refused):
    code = "school_twice"


class BadAddress(Refused):
    code = "bad_address"


class BadUnits(Refused):
    code = "bad_units"


class WouldShrink(Refused):
    code = "would_shrink"


class BadDate(Refused):
    code = "bad_date"


class UnknownAllocation(Refused):
    code = "unknown_allocation"


class AlreadyRedeemed(Refused):
    code = "already_redeemed"


class AlreadyRevoked(Refused):
    code = "already_revoked"


class NotYetSent(Refused):
    code = "not_yet_sent"


class RemindedToday(Refused):
    code = "reminded_today"
