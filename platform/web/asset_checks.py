"""Whether the collected assets are those of this release: a server does not start with the styles of another."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from web.assets import HashedAssets

_MESSAGE = (
    "The assets of this release are not collected ({count} files are missing or of another release, {example} among "
    "them): run manage.py collectstatic --no-input, and with --clear where files are older than what they replace."
)


def list_stale_assets(storage: HashedAssets) -> list[str]:
    """Return the assets of this code that `collectstatic` has not put into the storage as they are now."""
    ignored = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    sources: dict[str, str] = {}
    for finder in get_finders():
        for path, source in finder.list(ignored):
            prefix = getattr(source, "prefix", None)
            # The first of two files of one name is collected.
            sources.setdefault(f"{prefix}/{path}" if prefix else path, source.path(path))
    return [
        name
        for name, source in sources.items()
        if name not in storage.hashed_files or not _is_copied(source, storage.path(name))
    ]


def _is_copied(source: str, collected: str) -> bool:
    return Path(collected).is_file() and filecmp.cmp(source, collected, shallow=False)


def refuse_stale_assets() -> None:
    """Raise `ImproperlyConfigured` on a server whose assets are not collected, or are those of another release."""
    if message := _describe_stale_assets():
        raise ImproperlyConfigured(message)


@register(Tags.staticfiles, deploy=True)
def check_assets(app_configs: Any, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's signature
    """Return an error where a server's assets are to be collected, for `manage.py check --deploy`."""
    message = _describe_stale_assets()
    return [Error(message, id="peps.E022")] if message else []


def _describe_stale_assets() -> str:
    """Return what is to be done, or an empty text; elsewhere than on a server files are served in place."""
    storage = staticfiles_storage
    if not settings.PRODUCTION or not isinstance(storage, HashedAssets):
        return ""
    stale = list_stale_assets(storage)
    return _MESSAGE.format(count=len(stale), example=stale[0]) if stale else ""
