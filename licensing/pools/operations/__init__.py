"""Operations on pools: allocate, reduce, set a number, revoke, restore, return, resend, remind, reveal, rename.

Each runs in one transaction: lock (in the global order: pool → allocation → key → subscription → seat), check, change,
write the audit log, queue e-mails. An exception leaves everything unchanged.
"""

from licensing.pools.operations.allocation import allocate, allocate_many
from licensing.pools.operations.bulk_allocation import (
    AllocationRequest,
    AllocationRowResult,
    AllocationRowStatus,
    BulkAllocationResult,
    allocate_rows,
)
from licensing.pools.operations.capacity import take_back_capacity
from licensing.pools.operations.demands import (
    AllocationOutcome,
    AllocationStage,
    Demand,
    ProgressCallback,
    TargetSchool,
    no_progress,
)
from licensing.pools.operations.held_emails import RELEASE_TASK, queue_release, release_held_emails
from licensing.pools.operations.key_emails import (
    queue_lost_keys,
    remind,
    remind_many,
    request_resend,
    resend,
    resend_lost_keys,
    resend_many,
    reveal,
)
from licensing.pools.operations.readdressing import readdress_many
from licensing.pools.operations.reduction import Reduction, ReductionResult, reduce, reduce_many, reduce_one
from licensing.pools.operations.renaming import rename_pool
from licensing.pools.operations.restoration import queue_again, restore, restore_many, restore_revocation
from licensing.pools.operations.results import AllocationActionResult
from licensing.pools.operations.returns import (
    LockedAllocation,
    give_units_again,
    lock_allocation_of_key,
    take_units_back,
)
from licensing.pools.operations.revocation import revoke, revoke_many
from licensing.pools.operations.unit_changes import UnitChange, set_units

__all__ = [
    "RELEASE_TASK",
    "AllocationActionResult",
    "AllocationOutcome",
    "AllocationRequest",
    "AllocationRowResult",
    "AllocationRowStatus",
    "AllocationStage",
    "BulkAllocationResult",
    "Demand",
    "LockedAllocation",
    "ProgressCallback",
    "Reduction",
    "ReductionResult",
    "TargetSchool",
    "UnitChange",
    "allocate",
    "allocate_many",
    "allocate_rows",
    "give_units_again",
    "lock_allocation_of_key",
    "no_progress",
    "queue_again",
    "queue_lost_keys",
    "queue_release",
    "readdress_many",
    "reduce",
    "reduce_many",
    "reduce_one",
    "release_held_emails",
    "remind",
    "remind_many",
    "rename_pool",
    "request_resend",
    "resend",
    "resend_lost_keys",
    "resend_many",
    "restore",
    "restore_many",
    "restore_revocation",
    "reveal",
    "revoke",
    "revoke_many",
    "set_units",
    "take_back_capacity",
    "take_units_back",
]
