"""What tests of bank statements assert of all lines."""

from django.db import connection

from sites.audit.invariants import read_invariants


def list_bank_violations():
    """Return the violations of the rule on statements, a sentence each."""
    with connection.cursor() as cursor:
        cursor.execute(read_invariants("bank")[0].sql)
        return [sentence for (sentence,) in cursor.fetchall()]
