"""Put a report together: the template, the plotting library and the data, in one file."""

import html
import json
from importlib.resources import files
from typing import Any

import numpy as np

from freqbias.compare.report.blobs import Blobs, packed


def page(title: str, content: dict[str, Any], blobs: Blobs) -> str:
    """Return the HTML text of a report.

    content: what the page shows, as `page.js` reads it: JSON values and arrays of numbers. NaN becomes null.
    """
    folder = files("freqbias.compare.report")
    library = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    parts = {
        "title": html.escape(title),
        "style": (folder / "page.css").read_text("utf-8"),
        "script": (folder / "page.js").read_text("utf-8"),
        "content": packed(json.dumps(_plain(content), allow_nan=False, separators=(",", ":")).encode()),
        "library": packed(library),
        "arrays": "\n".join(
            f'<script type="application/octet-stream" id="{name}">{text}</script>' for name, text in blobs.texts.items()
        ),
    }
    text = (folder / "page.html").read_text("utf-8")
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text


def _plain(value: Any) -> Any:
    """Return JSON values: arrays become lists, and NaN and infinity null."""
    match value:
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case np.ndarray():
            return _plain(value.tolist())
        case np.generic():
            return _plain(value.item())
        case float():
            return value if np.isfinite(value) else None
    return value
