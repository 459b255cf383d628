"""Operations on reminders: set a policy, cancel, send what is due, stop and resume."""

from licensing.reminders.operations.cancellation import cancel, cancel_all
from licensing.reminders.operations.policies import PolicyValues, set_policy
from licensing.reminders.operations.sending import plan_and_schedule, run, send_due
from licensing.reminders.operations.stops import resume, stop

__all__ = [
    "PolicyValues",
    "cancel",
    "cancel_all",
    "plan_and_schedule",
    "resume",
    "run",
    "send_due",
    "set_policy",
    "stop",
]
