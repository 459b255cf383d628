"""Import pages: list, upload, verification, rows, and the next steps."""

from __future__ import annotations

from collectivities.access import OfficeAccess
from collectivities.models import Role

#: Roles that prepare imports; only managers apply them.
PREPARERS = OfficeAccess(Role.MANAGER, Role.DATA_OFFICER)
APPLIERS = OfficeAccess(Role.MANAGER)
