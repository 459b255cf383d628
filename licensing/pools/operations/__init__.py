"""What is done with pools: to give, to lower, to take back, to send again, to remind, to show a key.

Each operation locks (pool → allocation → key → subscription → seat, the order of the whole house), checks, changes,
writes the journal and queues its e-mails in one transaction; a refusal leaves everything as it was.
"""

from licensing.pools.operations.allocating import allocate, allocate_many
from licensing.pools.operations.carrying import Outcome
from licensing.pools.operations.giving import Demand, Target
from licensing.pools.operations.lost import ask_again, look_for, send_lost
from licensing.pools.operations.reducing import Reduced, Reduction, reduce, reduce_many, reduce_one
from licensing.pools.operations.results import Result
from licensing.pools.operations.revoking import revoke, revoke_many
from licensing.pools.operations.rows import Asked, Became, Given, Verdict, allocate_rows
from licensing.pools.operations.sending import remind, remind_many, resend, resend_many, reveal
from licensing.pools.operations.watching import Stage, Watch, unwatched

__all__ = [
    "Asked",
    "Became",
    "Demand",
    "Given",
    "Outcome",
    "Reduced",
    "Reduction",
    "Result",
    "Stage",
    "Target",
    "Verdict",
    "Watch",
    "allocate",
    "allocate_many",
    "allocate_rows",
    "ask_again",
    "look_for",
    "reduce",
    "reduce_many",
    "reduce_one",
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
