"""The page of examples shows all of them, and pictures of those that draw."""

from __future__ import annotations

import re

import pytest
from tests.examples.running import EXAMPLES

DOCS = EXAMPLES.parent / "docs"
PAGE = (DOCS / "examples.md").read_text(encoding="utf-8")
PICTURES = re.findall(r"\]\((images/[\w-]+\.svg)", PAGE)


def test_each_example_is_on_the_page_once() -> None:
    shown = re.findall(r"^\{\{ source (.+) \}\}$", PAGE, re.MULTILINE)
    assert sorted(shown) == sorted(
        path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py")
    )


def test_there_are_pictures_for_light_and_dark_backgrounds() -> None:
    kinds = {picture.removesuffix(".svg").rpartition("-")[::2] for picture in PICTURES}
    assert kinds == {
        (f"images/{name}", background)
        for name in ("forest-fire", "stdlib-census")
        for background in ("light", "dark")
    }


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_shows_what_the_program_prints(picture: str) -> None:
    text = re.sub(r"<[^>]*>", "", (DOCS / picture).read_text(encoding="utf-8"))
    assert ("trees have caught fire" if "forest" in picture else "no file was lost") in text
