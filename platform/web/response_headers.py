"""Headers of every response: no cache for what a session shows, `Vary` for htmx, and browser features that are off."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

#: Browser features that no page uses. A page that is broken into, or one in a frame, gets none of them.
UNUSED_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock",
    "serial", "sync-xhr", "usb", "xr-spatial-tracking",
)  # fmt: skip
#: Passkeys are made and used by our own pages alone.
_OWN_FEATURES = ("publickey-credentials-create", "publickey-credentials-get")
PERMISSIONS_POLICY = ", ".join(
    [f"{name}=()" for name in UNUSED_FEATURES] + [f"{name}=(self)" for name in _OWN_FEATURES]
)


class ResponseHeadersMiddleware:
    """Sets the headers. Right inside the session middleware, so that it sees what the session became."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request and set the headers of its response."""
        # A session that ends in this request counts too. Neither reads the session, nor makes the page vary by cookie.
        had_session = not request.session.is_empty()
        response = self.get_response(request)
        if (had_session or not request.session.is_empty()) and "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        if response.get("Content-Type", "").startswith("text/html"):
            # A part of the page for htmx, the whole page for others.
            patch_vary_headers(response, ["HX-Request"])
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response
