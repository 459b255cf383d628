"""All that the audit finds, by rule."""

from sites.audit.checks import check_all
from tests.conftest import TERM


def list_all_violations():
    """Return the examples of each broken rule, by its code, as of the term by which tests date their rows."""
    return {found.code: found.examples for found in check_all(TERM) if found.broken}
