"""Makes of the test's database one that was restored from elsewhere, and has that noticed at once."""

from installation import hold
from tests.database_roles import execute_as_administrator


def note(**values):
    """Write the installation's row, as a dump brings it from elsewhere."""
    for column, value in values.items():
        execute_as_administrator(f"UPDATE public.installation_installation SET {column} = %s", [value])  # noqa: S608 - our own columns
    hold.forget()
