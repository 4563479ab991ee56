"""The console's static files under an address that changes with their content, so that browsers may keep them."""

import hashlib
import os
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.errors import StartError

HERE = Path(__file__).parent / "static"
VENDOR = ("vendor/htmx.min.js",)


def build_id() -> str:
    """A digest over all static files. Raises StartError when those fetched at build time are missing."""
    for name in VENDOR:
        if not (HERE / name).is_file():
            raise StartError(f"console: {name} is missing; it comes with the installation: pip install -e .")
    digest = hashlib.sha256()
    for path in sorted(p for p in HERE.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(HERE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class KeptFiles(StaticFiles):
    """Files that never change under their address."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
