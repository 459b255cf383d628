"""Errors of rebalancing."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class PlanRefused(LicensingError):
    """A row of the plan cannot be done, or it gives more than there is: nothing is done."""

    code = "plan_refused"


class PlanOutdated(LicensingError):
    """What the plan changes is not what was shown any more."""

    code = "plan_outdated"


class RebalancingNotUndoable(LicensingError):
    """The hour is over, or something changed since: it is undone as a whole or not at all."""

    code = "rebalancing_not_undoable"


class UnknownRebalancing(LicensingError):
    """The collectivity has no rebalancing with this number."""

    code = "unknown_rebalancing"
