"""Pages of the site that lie elsewhere in the repository, and links to them.

Documents link to each other as on GitHub: by paths of the repository. Those that are pages of the site are linked
there; other files, such as source code, are named without a link. A link to a file that does not exist remains, so
that the build reports it.
"""

import posixpath
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
MARKS = re.compile(r"<!-- (?:(table)|value): \S+ -->|(\n)?<!-- end -->")
PACKAGES = ("solvers", "solvers/quantum_dots", "solvers/spins", "solvers/lattices", "qd_pix2pix")
"""Packages of the API reference."""
NO_CONSTANTS = "      filters: ['!^_', '!^[A-Z0-9_]+$']\n"
NO_HEADING = "    options:\n      show_root_toc_entry: false\n      show_root_heading: false\n"
WEIGHTS = "qd_pix2pix/inference/weights"


def documents() -> dict[str, str]:
    """Return the path in the site of each document and figure outside docs/, by its path in the repository."""
    found = {f"{name}.md": f"{name.lower()}.md" for name in ("DESIGN", "NOTATION", "CONTRIBUTING", "CHANGELOG")}
    found["DESIGN.md"] = "decisions.md"  # docs/design.md has another subject
    for path in sorted((ROOT / "experiments").glob("*/README.md")):
        found[f"experiments/{path.parent.name}/README.md"] = f"experiments/{path.parent.name}.md"
    for path in sorted((ROOT / "experiments").glob("*/**/*.png")):
        found[str(path.relative_to(ROOT))] = str(path.relative_to(ROOT))
    for path in sorted((ROOT / WEIGHTS).glob("*.md")):
        found[f"{WEIGHTS}/{path.name}"] = f"cards/{path.name}"
    return found


def reference() -> dict[str, str]:
    """Return the path in the site of the reference of each package, by the path of the package's file."""
    return {f"{name}/__init__.py": f"api/{name.replace('/', '.')}.md" for name in PACKAGES}


PLACES = documents() | reference() | {WEIGHTS: "cards/index.md"}
"""Path in the site by path in the repository, of all that does not lie in docs/."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents, the reference and the list of model cards."""
    for source, place in documents().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    for source, place in reference().items():
        content = _reference_page(source.removesuffix("/__init__.py").replace("/", "."))
        files.append(File.generated(config, place, content=content))
    files.append(File.generated(config, "cards/index.md", content=_cards()))
    return files


def _reference_page(package: str) -> str:
    """Return the page of a package: its docstring and all public names; of modules, their public names."""
    found = import_module(package)
    names = [name for name in found.__all__ if name != "__version__"]
    modules = [name for name in names if isinstance(getattr(found, name, found), ModuleType)]
    hidden = [name for name in names if getattr(getattr(found, name, None), "__module__", "") == f"{package}.{name}"]
    direct = [name for name in names if name not in modules + hidden]
    parts = [f"# {package}\n\n::: {package}\n{NO_HEADING}      members: [{', '.join(direct)}]\n"]
    for name in modules:
        members = getattr(import_module(f"{package}.{name}"), "__all__", None)
        chosen = f"      members: [{', '.join(members)}]\n" if members else NO_CONSTANTS
        parts.append(f"## {name}\n\n::: {package}.{name}\n{NO_HEADING}      heading_level: 3\n{chosen}")
    parts += [f"::: {package}.{name}.{name}\n" for name in hidden]  # functions in a module of their name
    return "\n".join(parts)


def _cards() -> str:
    """Return the list of the shipped networks with the first sentence of each card."""
    lines = []
    for path in sorted((ROOT / WEIGHTS).glob("*.md")):
        about = path.read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")
        lines.append(f"| [{path.stem}]({path.name}) | {about} |")
    head = "# Shipped networks\n\n`from_pretrained(name)` returns each of them.\n\n| name | network |\n| --- | --- |\n"
    return head + "\n".join(lines) + "\n"


def source_of(page: str) -> str:
    """Return the path in the repository of a page of the site."""
    by_place = {place: source for source, place in PLACES.items()}
    return by_place.get(page, f"docs/{page}")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a document with links within the site, and without the marks of generated tables."""
    here = page.file.src_uri
    markdown = MARKS.sub(lambda mark: "\n" if mark.group(1) or mark.group(2) else "", markdown)
    parts = CODE.split(markdown)
    parts[::2] = [LINK.sub(lambda link: _relinked(link, here), part) for part in parts[::2]]
    return "".join(parts)


def _relinked(link: re.Match[str], here: str) -> str:
    image, text, target = link.groups()
    path, _, anchor = target.partition("#")
    if "://" in target or target.startswith("mailto:") or not path:
        return link.group()
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source_of(here)), path))
    place = _place(wanted)
    if place is None:
        return text if (ROOT / wanted).exists() and not image else link.group()
    relative = posixpath.relpath(place, posixpath.dirname(here) or ".")
    return f"{image}[{text}]({relative}{'#' + anchor if anchor else ''})"


def _place(wanted: str) -> str | None:
    """Return the path in the site of a path in the repository, None where it is no page."""
    for name in (wanted, f"{wanted}/README.md"):
        if name in PLACES:
            return PLACES[name]
    if wanted.startswith("docs/") and (ROOT / wanted).is_file():
        return wanted.removeprefix("docs/").replace(".ipynb", ".md")
    return None
