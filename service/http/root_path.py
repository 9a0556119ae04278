"""The path prefix under which a proxy publishes the server."""

import re


class RootPath:
    """Removes the prefix from request targets: some proxies keep it, others strip it."""

    def __init__(self, path: str | None) -> None:
        """`path` begins with a slash and does not end with one; None for no prefix."""
        self.path = path or ""
        prefix = re.escape(self.path.encode())
        # A target in absolute form has a scheme and an authority before its path.
        self._pattern = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?" + prefix + rb"(?=/)")

    def strip(self, target: bytes) -> bytes:
        """Return the target without the prefix; one that does not begin with it stays.

        So does the prefix alone: the server redirects it to the page at `PREFIX/`.
        """
        if not self.path:
            return target
        match = self._pattern.match(target)
        return target if match is None else (match[1] or b"") + target[match.end() :]
