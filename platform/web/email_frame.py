"""Content security policies for showing an e-mail in a frame of a page: of the frame, and of the page around it."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.utils.csp import CSP

#: Of the page around: allows its frame.
FRAMING_CSP: dict[str, Any] = {**settings.SECURE_CSP, "frame-src": [CSP.SELF]}
#: Of the e-mail: inline styles only, no script, no request, no navigation.
EMAIL_CSP: dict[str, Collection[str] | str] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": ["data:"],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    # Empty: all sandbox restrictions apply.
    "sandbox": "",
}
