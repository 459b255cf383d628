"""Operations on licences that come back: a school gives some, or answers a request; a collectivity asks, or withdraws.

Lock order: pool → allocation → key → return request → subscription → seat.
"""

from licensing.returns.operations.asking import ask, ask_dormant, ask_many, ask_many_again, withdraw
from licensing.returns.operations.giving_back import GivenBack, check_may_give_back, give_back, keep, undo_return

__all__ = [
    "GivenBack",
    "ask",
    "ask_dormant",
    "ask_many",
    "ask_many_again",
    "check_may_give_back",
    "give_back",
    "keep",
    "undo_return",
    "withdraw",
]
