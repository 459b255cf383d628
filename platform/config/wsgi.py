"""The WSGI application that gunicorn serves. Its statements are limited: a page that waits long has no reader left."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from core.database_timeouts import WEB_TIMEOUTS, apply_timeouts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
apply_timeouts(settings.DATABASES["default"], WEB_TIMEOUTS)
application = get_wsgi_application()
