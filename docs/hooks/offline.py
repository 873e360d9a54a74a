"""Pages load nothing from other hosts; the build fails where one would."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

HOST = r"=[\"']?(?:https?:)?//[^\"' >]+"
LOADED = re.compile(rf"<(?:script|img|iframe|source|video)\b[^>]*\bsrc{HOST}|<link\b[^>]*\bhref{HOST}")


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Return the page unchanged.

    Raises:
        PluginError: it loads a script, a style sheet, a picture or a frame from another host.
    """
    if found := LOADED.findall(output):
        raise PluginError(f"{page.file.src_uri}: loads {found[0]} from another host")
    return output
