"""The pages of « Imports »: the list and the upload, the verification, its rows, and the steps out of it."""

from __future__ import annotations

from collectivities.access import Office
from collectivities.models import Role

#: Who prepares imports; only a manager applies them.
PREPARERS = Office(Role.MANAGER, Role.DATA_OFFICER)
APPLIERS = Office(Role.MANAGER)
