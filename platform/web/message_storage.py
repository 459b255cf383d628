"""Django's message storage, with a cookie bound to its host by name."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    """Messages in a cookie, which no other host of the domain can set where it is sent over https."""

    cookie_name = "__Host-messages" if settings.SECURE else "messages"


class HostMessageStorage(FallbackStorage):
    """Messages in the cookie; in the session where they are too long for it."""

    storage_classes = (HostCookieStorage, SessionStorage)
