from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

class CompressedManifestStaticFilesStorage(ManifestStaticFilesStorage):
    def url_converter(self, name: str, hashed_files: Any, template: Any = None, *args: Any, **kwargs: Any) -> Any: ...
