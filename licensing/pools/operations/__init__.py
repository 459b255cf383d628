"""What is done with pools: to give, to lower, to take back, to send again, to remind, to show a key.

Each operation locks (pool → allocation → key → subscription → seat, the order of the whole house), checks, changes,
writes the journal and queues its e-mails in one transaction; a refusal leaves everything as it was.
"""

from licensing.pools.operations.allocating import Demand, Outcome, allocate, allocate_many
from licensing.pools.operations.giving import Target
from licensing.pools.operations.lost import ask_again, look_for, send_lost
from licensing.pools.operations.reducing import Reduced, Reduction, reduce, reduce_many
from licensing.pools.operations.results import Result
from licensing.pools.operations.revoking import revoke, revoke_many
from licensing.pools.operations.sending import remind, remind_many, resend, resend_many, reveal
from licensing.pools.operations.watching import Stage, Watch, unwatched

__all__ = [
    "Demand",
    "Outcome",
    "Reduced",
    "Reduction",
    "Result",
    "Stage",
    "Target",
    "Watch",
    "allocate",
    "allocate_many",
    "ask_again",
    "look_for",
    "reduce",
    "reduce_many",
    "remind",
    "remind_many",
    "resend",
    "resend_many",
    "reveal",
    "revoke",
    "revoke_many",
    "send_lost",
    "unwatched",
]
