"""Invariants that must hold at every moment over all collectivities, checked by `manage.py audit`.

Database constraints and locks enforce them; the audit checks them independently. Each invariant is a query that returns
its violations, one French sentence per row.
"""

from pages.invariants.checking import check_all

__all__ = ["check_all"]
