"""The fenced blocks of a document, and packages made from them.

A block opens with its language and, where it is a file, the path of that file: ``python a/b.py``.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: str
    line: int
    language: str
    path: str
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}"


def blocks(document, language=None):
    """Return the blocks of a document, or those in one language."""
    text = (DOCS / document).read_text(encoding="utf-8")
    found = [
        Block(document, text.count("\n", 0, m.start()) + 1, m[1], m[2], m[3])
        for m in FENCE.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def block(document, path):
    """Return the text of the block that is this file."""
    (found,) = [b for b in blocks(document) if b.path == path]
    return found.text


def write_package(document, folder):
    """Write the files of a document as an installed package below ``folder``."""
    for found in blocks(document):
        if "." not in found.path:
            continue
        path = folder / found.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.text, encoding="utf-8")
        if path.parent != folder:
            (path.parent / "__init__.py").touch()
    _pretend_installed(folder)


def _pretend_installed(folder):
    """Write what pip would write of the package's name and entry points."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {where}" for name, where in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
