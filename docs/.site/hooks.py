"""What the site takes from the project: its version, its changelog, and where it is published."""

from __future__ import annotations

import os
import re
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


def on_page_markdown(markdown: str, **_given: Any) -> str:
    """Put a file in that lies beside the pages, where a page says `{{ file NAME }}`."""
    found = re.fullmatch(r"\{\{ file ([\w.]+) \}\}", markdown.strip())
    if found is None:
        return markdown
    text = (_PROJECT / found[1]).read_text(encoding="utf-8")
    if not found[1].endswith(".md"):
        return f"# {found[1].capitalize()}\n\n```text\n{text}```\n"
    return FOLDER_OF_DOCS.sub(r"](\1)", text)
