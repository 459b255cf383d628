"""All that the audit finds, by rule."""

from sites.audit.checks import check_all


def list_all_violations():
    """Return the examples of each broken rule, by its code.

    Without that of how long rows are kept: tests date theirs by `TERM`, and the audit goes by the clock.
    """
    return {found.code: found.examples for found in check_all() if found.broken and found.code != "retention"}
