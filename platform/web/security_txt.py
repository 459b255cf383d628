"""« /.well-known/security.txt » (RFC 9116): where to report a vulnerability."""

import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.links import build_absolute_url
from web.access import public_page

PATH = ".well-known/security.txt"
#: The RFC asks for less than a year. It is renewed at each request: who runs the site keeps CONTACT read.
VALIDITY = datetime.timedelta(days=90)


@public_page
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Return the contact, until when it holds, and the languages that are read."""
    expires = (timezone.now() + VALIDITY).astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    contact = settings.SECURITY_CONTACT
    lines = (
        f"Contact: {contact if ':' in contact else f'mailto:{contact}'}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: fr, en",
        f"Canonical: {build_absolute_url(request.get_host().partition(':')[0], PATH)}",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
