"""Operations on pools: allocate, reduce, revoke, resend, remind, reveal.

Each runs in one transaction: lock (in the global order: pool → allocation → key → subscription → seat), check, change,
write the audit log, queue e-mails. An exception leaves everything unchanged.
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
