"""What the site takes from the project: its version, its changelog, and where it is published."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parents[2]

FOLDER_OF_DOCS = re.compile(r"\]\(docs/([\w./#-]+)\)")
"""A link of a file beside the folder of the pages to one of them."""


def on_config(config: Any) -> Any:
    """Have the templates know the version.

    `PROJECT_URL` is where the source is published. Without it, nothing links there.
    """
    source = (_PROJECT / "src/pykka/_version.py").read_text(encoding="utf-8")
    config.extra["version_of_package"] = re.findall(r'__version__ = "(.+)"', source)[0]
    if url := os.environ.get("PROJECT_URL"):
        config.repo_url = url
        config.repo_name = "Source"
    return config


EXAMPLE = re.compile(r"^\{\{ source ([\w./]+) \}\}$", re.MULTILINE)
"""A line of a page in whose place the source of an example is shown, folded."""


def on_page_markdown(markdown: str, **_given: Any) -> str:
    """Put files in that lie beside the pages.

    A page that says `{{ file NAME }}`, and nothing else, is that file; where a page has a line
    `{{ source NAME }}`, the source of that example comes.
    """
    found = re.fullmatch(r"\{\{ file ([\w.]+) \}\}", markdown.strip())
    if found is None:
        return EXAMPLE.sub(_source, markdown)
    text = (_PROJECT / found[1]).read_text(encoding="utf-8")
    if not found[1].endswith(".md"):
        return f"# {found[1].capitalize()}\n\n```text\n{text}```\n"
    return FOLDER_OF_DOCS.sub(r"](\1)", text)


def _source(line: re.Match[str]) -> str:
    text = (_PROJECT / "examples" / line[1]).read_text(encoding="utf-8")
    block = f"```python\n{text}```\n"
    return f'??? example "examples/{line[1]}"\n\n' + textwrap.indent(block, "    ")
