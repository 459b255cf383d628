"""What an order can be refused for."""

from __future__ import annotations

from licensing.exceptions import Refused


class UnknownCollectivity(Refused):
    code = "unknown_collectivity"


class NoReason(Refused):
    code = "no_reason"


class NameTooLong(Refused):
    code = "name_too_long"


class UnreadableList(Refused):
    code = "unreadable_list"
