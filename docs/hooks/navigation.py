"""The navigation: sections and pages in the order of docs/index.md, then the experiments and the API reference."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from repository import PLACES, _place

DOCS = Path(__file__).resolve().parents[1]


def sections(text: str) -> dict[str, list[str]]:
    """Return the pages of each section of docs/index.md: the first link of each row or item, by heading."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        links = re.findall(r"^(?:\| |- )\[[^\]]+\]\(([^)#]+)\)", body, re.MULTILINE)
        if links:
            found[title.strip()] = links
    return found


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation."""
    import posixpath

    nav: list[object] = [{"Home": "index.md"}]
    for title, links in sections((DOCS / "index.md").read_text(encoding="utf-8")).items():
        wanted = [posixpath.normpath(posixpath.join("docs", link)) for link in links]
        nav.append({title: [_place(path) or path for path in wanted]})
    nav.append({"Experiments": sorted(place for place in PLACES.values() if re.match(r"experiments/.*\.md", place))})
    nav.append({"Shipped networks": sorted(place for place in PLACES.values() if place.startswith("cards/"))})
    config.nav = nav
    return config
