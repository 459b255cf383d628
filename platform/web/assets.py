"""Static files from npm packages: a finder for the files in `PACKAGED_ASSETS`, and their storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
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
