"""Files of npm packages that we serve or draw with; `package.json` pins the packages."""

from __future__ import annotations

from pathlib import Path

_PACKAGES = Path(__file__).resolve().parents[2] / "node_modules"

#: Prefix under STATIC_URL → folder of a package, and its files that are served.
SERVED: dict[str, tuple[Path, tuple[str, ...]]] = {
    "bootstrap": (_PACKAGES / "bootstrap" / "dist", ("css/bootstrap.min.css",)),
    "htmx": (_PACKAGES / "htmx.org" / "dist", ("htmx.min.js",)),
    # For pupils: designed for beginning readers, as on their cards.
    "andika": (
        _PACKAGES / "@fontsource" / "andika" / "files",
        ("andika-latin-400-normal.woff2", "andika-latin-700-normal.woff2"),
    ),
    "atkinson": (
        _PACKAGES / "@fontsource-variable" / "atkinson-hyperlegible-next" / "files",
        (
            "atkinson-hyperlegible-next-latin-wght-normal.woff2",
            "atkinson-hyperlegible-next-latin-ext-wght-normal.woff2",
        ),
    ),
}
#: Fonts of the PDF documents; not served.
PDF_FONTS = _PACKAGES / "@expo-google-fonts"
