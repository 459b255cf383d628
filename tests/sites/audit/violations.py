"""All that the audit finds, by rule."""

from sites.audit.checks import check_all


def list_all_violations():
    """Return the examples of each broken rule, by its code."""
    return {found.code: found.examples for found in check_all() if found.broken}
