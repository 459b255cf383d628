"""Import pages: list, upload, verification, rows, and the next steps."""

from __future__ import annotations

from collectivities.access import Office
from collectivities.models import Role

#: Roles that prepare imports; only managers apply them.
PREPARERS = Office(Role.MANAGER, Role.DATA_OFFICER)
APPLIERS = Office(Role.MANAGER)
