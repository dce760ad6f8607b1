"""The page's files: read and compressed once, served with an ETag: who has them asks only whether they have changed."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from ..terminal.commands.details import DETAILS
from ..terminal.commands.table import TOPICS
from .http import Request, Response

PAGE: Final = Path(__file__).parent / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
"""The Content-Security-Policy of the page: what others say can never become code, and nothing comes from elsewhere."""

_HEADERS: Final = (
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept-Encoding"),
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


class Files:
    """Files by the paths at which they are served."""

    def __init__(self, directory: Path = PAGE) -> None:
        """Read all files of a directory; `index.html` is served at `/`."""
        self._found = {}
        for file in sorted(directory.iterdir()):
            if file.suffix in _TYPES:
                path = "/" if file.name == "index.html" else f"/{file.name}"
                self._found[path] = _responses(file.read_bytes(), _TYPES[file.suffix])
        self._found["/commands.json"] = _responses(_commands(), _TYPES[".json"])

    def __contains__(self, path: str) -> bool:
        return path in self._found

    def find(self, request: Request) -> Response:
        """Return the response for a GET or HEAD of a file that there is."""
        plain, small = self._found[request.path]
        response = small if re.search(_TAKES_GZIP, request.headers.get("accept-encoding", "").lower()) else plain
        tag = response.headers[0][1]
        known = request.headers.get("if-none-match", "")
        if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(304, headers=response.headers)
        return response


_TAKES_GZIP: Final = r"(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))"
"""RFC 9110 section 12.5.3, as far as browsers and curl use it."""


def _responses(data: bytes, type: str) -> tuple[Response, Response]:
    """Return a file as it stands, and compressed. They are two representations, with a tag each."""
    small = gzip.compress(data, mtime=0)
    return _response(data, type), _response(small, type, (("Content-Encoding", "gzip"),))


def _response(data: bytes, type: str, more: tuple[tuple[str, str], ...] = ()) -> Response:
    tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    return Response(200, data, type, (("ETag", tag), *_HEADERS, *more))


def _commands() -> bytes:
    """Return the terminal's table of commands as JSON: the page has the same ones."""
    return msgspec.json.encode(
        [
            {
                "name": command.name,
                "usage": command.usage,
                "help": command.help,
                "example": command.example,
                "details": DETAILS.get(command.name, ""),
                "aliases": command.aliases,
                "topic": topic,
            }
            for topic, commands in TOPICS.items()
            for command in commands
        ]
    )
