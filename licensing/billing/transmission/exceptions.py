"""Exceptions of the transmission to platforms."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class PlatformNotConfigured(LicensingError):
    """No platform is configured for this route."""

    code = "platform_not_configured"


class PlatformSilent(LicensingError):
    """The platform did not answer, or not as it should. What it did is unknown; ask again later."""

    code = "platform_unavailable"


class PlatformRefuses(LicensingError):
    """The platform rejected the request, in its words. Asking again is useless; the operator must look at it."""

    code = "platform_rejected"


class NotSupported(LicensingError):
    """The platform does not take this kind of message."""

    code = "platform_not_supported"


class NotToTransmit(LicensingError):
    """Nothing of this can be transmitted, or it is on its way already."""

    code = "nothing_to_transmit"
