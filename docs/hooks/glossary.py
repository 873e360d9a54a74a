"""Abbreviations of docs/glossary.md show their meaning on every page, under the pointer and to screen readers."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

GLOSSARY = Path(__file__).resolve().parents[1] / "glossary.md"


def abbreviations(text: str) -> dict[str, str]:
    """Return the meaning of each term in capital letters, of two letters at least."""
    rows = re.findall(r"^\| ([^|`]+) \| (.+) \|$", text, re.MULTILINE)
    plain = [
        (term, meaning.replace("`", "").replace("\\|", "|")) for terms, meaning in rows for term in terms.split(", ")
    ]
    return {term: meaning for term, meaning in plain if re.fullmatch(r"[A-Z]{2,}|full CI", term)}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with the abbreviations defined below it, except the glossary itself."""
    if page.file.src_uri == GLOSSARY.name:
        return markdown
    found = abbreviations(GLOSSARY.read_text(encoding="utf-8"))
    return markdown + "\n\n" + "\n".join(f"*[{term}]: {meaning}" for term, meaning in found.items()) + "\n"
