"""Static files of npm packages and of this release: where they are found, and whether they were collected."""

import filecmp
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder, get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

SOURCE_MAP = re.compile(r"sourceMappingURL")


class PackageStorage(FileSystemStorage):
    """The folder of a package, and the prefix of its files' URLs, which `collectstatic` reads."""

    def __init__(self, prefix: str, folder: str | Path) -> None:
        super().__init__(location=folder)
        self.prefix = prefix


class PackagedAssets(BaseFinder):
    """Finds the files that `settings.PACKAGED_ASSETS` names, under the prefix it gives them.

    A folder in `STATICFILES_DIRS` would serve, hash and compress some forty megabytes that no page asks for.
    """

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self.packages: list[tuple[PackageStorage, tuple[str, ...]]] = []
        for prefix, (folder, names) in settings.PACKAGED_ASSETS.items():
            self.packages.append((PackageStorage(prefix, folder), names))

    def check(self, **_kwargs: Any) -> list[Any]:
        """Return no errors: npm packages may be installed after `manage.py check`."""
        return []

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> str | list[str] | None:  # type: ignore[override] # noqa: FBT001, FBT002
        """Return the file system path of a static file; None if it is not listed."""
        for storage, names in self.packages:
            name = path.removeprefix(f"{storage.prefix}/")
            if name != path and name in names and storage.exists(name):
                return [storage.path(name)] if find_all else storage.path(name)
        return [] if find_all else None

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, PackageStorage]]:
        """Yield every listed file with its storage."""
        for storage, names in self.packages:
            for name in names:
                yield name, storage


class HashedAssets(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage without source map references: the maps are not served."""

    def url_converter(self, name: str, hashed_files: Any, template: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return the URL rewriter of a file; source map references are removed."""
        if template is not None and SOURCE_MAP.search(template):
            return lambda _match: ""
        return super().url_converter(name, hashed_files, template, *args, **kwargs)


class AssetsMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise's, which looks at a collected file when it is first asked for: at all 2,500, a tenth of the start."""

    def update_files_dictionary(self, root: str, prefix: str) -> None:
        """Note the folder alone."""
        self.directories.insert(0, (root, prefix))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        is_known = path in self.files or not path.startswith(self.static_prefix)
        # What is not there is not noted: anyone may ask for as many names as they like.
        if not is_known and (asset := self.find_file(path)) is not None:
            self.files[path] = asset
        return super().__call__(request)


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
