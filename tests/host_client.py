"""A browser at one host: Django's test client, bound to the portal or to an office."""

import time
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from django.utils import timezone

from accounts.devices import SIGNED_IN_AT
from accounts.sessions import SessionStore
from tests.html import collapse


class HostClient(Client):
    """A browser at one host: the portal, or a collectivity's office. White space that no browser shows is collapsed."""

    def __init__(self, host: str, **defaults):
        super().__init__(HTTP_HOST=host, **defaults)
        self.host = host

    def request(self, **request):
        """Send the request; a page's line breaks and indentation are those of its template, and never shown."""
        response = super().request(**request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = collapse(response.content.decode()).encode()
        return response

    def force_login(self, user, backend=None, *, confirmed=False):
        """Sign in as the page would, with the rows of a session alone: it stores the host where it was opened.

        `confirmed`: the user has just given the password anew as well.
        """
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = backend or settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session[SIGNED_IN_AT] = timezone.now().timestamp()
        session["host"] = self.host
        if confirmed:
            _confirm(session, user)
        session.save()
        self.cookies[settings.SESSION_COOKIE_NAME] = session.session_key

    def open_link(self, link):
        """Follow a link of an e-mail; return the path of its page, which holds no token."""
        return self.follow_link(link).request["PATH_INFO"]

    def follow_link(self, link, **more):
        """Follow a link of an e-mail, and return the page: what stands in its fragment is posted, as by a script."""
        page, _, fragment = link.partition("#")
        if not fragment:
            return self.get(link, follow=True, **more)
        return self.post(page, dict(parse_qsl(fragment)), follow=True, **more)

    def post_link(self, link, data=None):
        """Send the form of the page that a link of an e-mail leads to."""
        return self.post(self.open_link(link), data)

    def confirm_identity(self, user):
        """Confirm who is signed in, as the page would that asks for the password anew."""
        session = self.session
        _confirm(session, user)
        session.save()


def _confirm(session, user):
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(user.pk)
