"""Files of npm packages that we serve or draw with, pinned by `package.json`; and the pictures of the guides."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = _ROOT / "node_modules"
_PICTURES = _ROOT / "docs" / "images"

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
    # Pictures of the guides.
    "guides": (_PICTURES, tuple(path.name for path in sorted(_PICTURES.glob("*.png")))),
}
#: Fonts of the PDF documents; not served.
PDF_FONTS = _PACKAGES / "@expo-google-fonts"
