"""What the package says of itself where it is published: the text of the README, and addresses.

The project has no address of its own. If it is to be published with one, `PROJECT_URL` says where
its files are shown, up to the name of the branch or tag. Links of the README lead there then, and
the metadata name it. Without that, links stay relative, and no address is named.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"(\]\(|src=\"|srcset=\"|href=\")(?![a-z]+:|#)([^)\s\"]+)")


def with_absolute_links(text: str, url: str) -> str:
    """Have the relative links of a text lead to the files below an address."""
    return RELATIVE_LINK.sub(lambda link: f"{link[1]}{url.rstrip('/')}/{link[2]}", text)


class Metadata(MetadataHookInterface):
    """Fills in what `dynamic` in pyproject.toml names."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the text of the README, and the addresses if there is one."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if url := os.environ.get("PROJECT_URL"):
            text = with_absolute_links(text, url)
            metadata["urls"] = {
                "Source": url,
                "Documentation": f"{url.rstrip('/')}/docs/index.md",
                "Changelog": f"{url.rstrip('/')}/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
