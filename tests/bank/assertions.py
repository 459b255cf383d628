"""What tests of bank statements assert of all lines."""

from __future__ import annotations

from django.db import connection

from sites.audit.sales_invariants import BANK_INVARIANTS


def list_bank_violations():
    """Return the violations of the rule on statements, a sentence each."""
    with connection.cursor() as cursor:
        cursor.execute(BANK_INVARIANTS[0].sql)
        return [sentence for (sentence,) in cursor.fetchall()]
