"""What must be true at every moment, over all collectivities, looked for from the outside.

The database's constraints and the operations' locks keep these; `manage.py audit` trusts neither. Each invariant is
a query that returns what breaks it, a sentence a row; none is broken where nothing is returned.
"""

from pages.invariants.checking import check_all

__all__ = ["check_all"]
