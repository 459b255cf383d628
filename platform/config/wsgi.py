"""The WSGI application that gunicorn serves. Its statements are limited: a page that waits long has no reader left.

It refuses to start on a database that other migrations made; on a server also as a role that may do more than the
application needs, on a database that is not in UTF-8, and without the assets of this release.
"""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections

from core.database_access import WEB_TIMEOUTS, apply_timeouts
from core.start_checks import refuse_privileged_role, refuse_unfit_database, warn_of_confinement
from core.telemetry import start_error_reports, start_tracing
from web.assets import refuse_stale_assets

# Nothing that is imported is garbage: looking for some took a seventh of the start (bench web_process).
gc.disable()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
apply_timeouts(settings.DATABASES["default"], WEB_TIMEOUTS)
application = get_wsgi_application()

from installation.migration_contents import refuse_changed_migrations  # noqa: E402 - needs the apps

start_error_reports()
start_tracing("peps-web")
refuse_privileged_role()
refuse_unfit_database()
refuse_changed_migrations()
refuse_stale_assets()
warn_of_confinement()
# Gunicorn forks its processes from the one that imports this: a connection would be theirs together.
connections.close_all()
gc.enable()
