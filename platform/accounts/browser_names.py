"""The browser of a request in plain words, for its owner to recognise it: « Firefox sur Windows ».

By the few names that browsers give themselves. A browser may claim to be any other: nothing is decided by it.
"""

from __future__ import annotations

from django.http import HttpRequest

#: The first that the header has. Most browsers name those whose pages they also open: the most particular come first.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)
UNKNOWN_BROWSER = "Navigateur inconnu"


def describe_browser(request: HttpRequest) -> str:
    """Return the browser and the system that the request's header names."""
    header = request.META.get("HTTP_USER_AGENT", "")
    browser = next((label for mark, label in _BROWSERS if mark in header), UNKNOWN_BROWSER)
    system = next((label for mark, label in _SYSTEMS if mark in header), "")
    return f"{browser} sur {system}" if system else browser
