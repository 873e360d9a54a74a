"""The studio in a headless Chromium: drawing, solving, cancelling, files, windows, narrow pages, keyboard.

With QD_PIX2PIX_SCREENSHOTS=docs the pictures of docs/studio.md are written anew.
"""

import io
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from experiments.studio_latency.chromium import chromium, requested, server, visit, wait_for
from qd_pix2pix.studio.dot import Dot, Well, example
from qd_pix2pix.studio.link import from_link, to_link
from qd_pix2pix.studio.potential import potential
from solvers import Grid

pytest.importorskip("nicegui", reason="needs the extra studio")
pytest.importorskip("selenium", reason="needs selenium, of the extra test")

from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="needs chromium and chromedriver; neither is installed here"),
    pytest.mark.xdist_group("browser"),
]
CSS = By.CSS_SELECTOR
# scripts look at the page at one moment; elements of selenium may be replaced meanwhile
SHOWN = "return [...document.querySelectorAll(arguments[0])].some(e => e.offsetParent !== null)"
FIELDS = "return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetParent !== null)"
TEXT = "const e = document.querySelector(arguments[0]); return e ? [e.innerText.trim()] : null"
BUTTON = """return [...document.querySelectorAll('button')].find(
  e => e.offsetParent !== null && e.innerText.trim().toLowerCase() === arguments[0])"""
HARD = replace(example(), n_electrons=6, n=128)
"""A dot that takes a minute."""
SOLVED = "[data-numbers] tbody td:last-child"
"""The energy of the solver in the table of numbers; a dash before it has solved the dot."""


@pytest.fixture(scope="module")
def address():
    with server() as found:
        yield found


@pytest.fixture
def window(address, tmp_path):
    """Function that opens a page with a dot, of a size, and returns a ``Page``."""

    @contextmanager
    def opened(dot=None, size=(1280, 1300)):
        url = address if dot is None else f"{address}?dot={to_link(dot)}"
        with visit(url, tmp_path / "profile", tmp_path, size) as browser:
            page = Page(browser, tmp_path)
            page.ready()
            yield page

    return opened


class Page:
    """The page in a browser, with what a user does to it."""

    def __init__(self, browser, downloads):
        self.browser, self.downloads = browser, downloads

    def one(self, css):
        return wait_for(lambda: self.browser.find_elements(CSS, css))[0]

    def ready(self):
        wait_for(lambda: self.browser.find_elements(CSS, "[data-numbers]"), 60)
        wait_for(lambda: "data:image" in self.density())

    def click(self, css):
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.one(css))
        self.one(css).click()

    def tab(self, name):
        """Show a panel, and wait until the others have gone."""
        self.click(f"[data-tab={name}]")
        marks = {"sweep": "[data-job=sweep]", "stability": "[data-job=stability]", "design": "[data-job=design]"}
        marks["share"] = "[data-link]"

        def alone():
            return {k for k, css in marks.items() if self.browser.execute_script(SHOWN, css)} == {name}

        wait_for(alone)
        time.sleep(0.5)  # until the panel stands still

    def button(self, text):
        found = wait_for(lambda: self.browser.execute_script(BUTTON, text.lower()))
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def text(self, css):
        return wait_for(lambda: self.browser.execute_script(TEXT, css))[0]

    def density(self):
        return self.one("[data-square=density] img").get_attribute("src") or ""

    def dot(self):
        url = self.browser.current_url
        return from_link(url.partition("dot=")[2]) if "dot=" in url else example()

    def draw(self, *shares, square="V"):
        """Drag over the square through these places, as parts of its side from the lower left corner."""
        image = self.one(f"[data-square={square}]")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
        side = image.size["width"]
        places = [(round((x - 0.5) * side), round((0.5 - y) * side)) for x, y in shares]
        actions = (
            ActionChains(self.browser, duration=20).move_to_element_with_offset(image, *places[0]).click_and_hold()
        )
        for (a, b), (c, d) in zip(places[:-1], places[1:], strict=True):
            actions.move_by_offset(c - a, d - b)
        actions.release().perform()

    def fill(self, label, value):
        """Type a number into all visible fields with a label."""
        for field in wait_for(lambda: self.browser.execute_script(FIELDS, f'input[aria-label="{label}"]')):
            field.send_keys(Keys.CONTROL, "a")
            field.send_keys(str(value), Keys.ENTER)

    def start(self, task):
        """Click on the button of a calculation, and wait until it is under way."""
        before = self.text(f"[data-status={task}]")
        self.click(f"[data-job={task}]")
        wait_for(lambda: self.text(f"[data-status={task}]") != before)

    def busy(self, task):
        waiting = self.text(f"[data-status={task}]") in ("", "starting")
        return waiting or not self.one(f"[data-job={task}]").is_enabled()

    def finished(self, task, seconds=120):
        busy = ("", "starting")
        wait_for(
            lambda: self.one(f"[data-job={task}]").is_enabled() and self.text(f"[data-status={task}]") not in busy,
            seconds,
        )
        return self.text(f"[data-status={task}]")

    def upload(self, path):
        self.browser.find_element(CSS, "input[type=file]").send_keys(str(path))

    def message(self):
        return wait_for(lambda: [e.text for e in self.browser.find_elements(CSS, ".q-notification") if e.text])[-1]

    def downloaded(self, name):
        path = self.downloads / name
        wait_for(lambda: path.is_file() and path.stat().st_size and not list(self.downloads.glob("*.crdownload")))
        return path

    def errors(self):
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def screenshot(self, name):
        """Write a picture of 256 colours, small enough for the repository."""
        folder = Path(os.environ.get("QD_PIX2PIX_SCREENSHOTS", str(self.downloads)))
        time.sleep(0.7)
        picture = Image.open(io.BytesIO(self.browser.get_screenshot_as_png())).convert("RGB")
        path = folder / f"studio_{name}.png"
        palette = picture.quantize(256, kmeans=2)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
        assert path.stat().st_size < 200_000


def test_a_stroke_changes_density_address_and_history_without_the_internet(window, address):
    with window() as page:
        before, dot = page.density(), page.dot()
        page.button("Brush")
        page.draw((0.3, 0.8), (0.4, 0.75), (0.6, 0.7), (0.7, 0.8))
        wait_for(lambda: page.density() != before and len(page.dot().strokes) == 1)
        (stroke,) = page.dot().strokes
        assert np.allclose(stroke.points[0], (0.3 * dot.side, 0.8 * dot.side), atol=1.0)
        assert np.allclose(stroke.points[-1], (0.7 * dot.side, 0.8 * dot.side), atol=stroke.size)
        assert "training" in page.text("[data-verdict]")
        page.click("[data-undo]")
        wait_for(lambda: page.dot() == dot)
        ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("y").key_up(Keys.CONTROL).perform()
        wait_for(lambda: page.dot().strokes == (stroke,))
        host = address.split("/")[2]
        assert requested(page.browser) and all(host in url for url in requested(page.browser))
        assert not page.errors()


def test_a_well_is_dragged_and_a_number_typed(window):
    with window() as page:
        page.draw((38 / 120, 0.5), (0.4, 0.6), (0.5, 0.75))
        wait_for(lambda: page.dot().wells[0] != example().wells[0])
        assert page.dot().wells[0].x == pytest.approx(60, abs=1.0) and page.dot().wells[0].y == pytest.approx(
            90, abs=1.0
        )
        page.fill("side (nm)", 240)
        wait_for(lambda: page.dot().side == 240)
        assert page.dot().wells[0].x == pytest.approx(120, abs=2.0)
        page.fill("side (nm)", 99999)
        assert "side" in page.message() and page.dot().side == 240


def test_the_solver_replaces_the_density_and_exports_are_files(window):
    with window(replace(example(), n=48)) as page:
        before = page.density()
        page.start("solve")
        assert page.finished("solve").startswith("solved in")
        wait_for(lambda: page.density() != before and "±" in page.text(SOLVED))
        wait_for(lambda: page.text("[data-verdict]") == "Solver: converged.")
        assert page.one("[data-square=difference]").is_displayed()
        page.tab("share")
        for kind, name in (
            ("npy", "potential.npy"),
            ("csv", "dot.csv"),
            ("png", "dot.png"),
            ("svg", "dot.svg"),
            ("py", "dot_py.txt"),
        ):
            page.click(f"[data-export={kind}]")
            assert page.downloaded(name).stat().st_size > 500
        assert np.array_equal(np.load(page.downloaded("potential.npy")), potential(page.dot()))
        page.click("[data-export=npy_density]")
        density = np.load(page.downloaded("density.npy"))
        assert Grid(48, 120.0).integrate(density) == pytest.approx(2)
        page.draw((38 / 120, 0.5), (0.3, 0.6))
        wait_for(lambda: "±" not in page.text(SOLVED))  # the solution was that of another dot


def test_cancel_stops_the_solver_and_another_dot_is_solved(window):
    with window(HARD) as page:
        page.start("solve")
        wait_for(lambda: page.text("[data-status=solve]") not in ("", "starting"))
        began = time.monotonic()
        page.click("[data-cancel=solve]")
        wait_for(lambda: page.text("[data-status=solve]") == "cancelled")
        assert time.monotonic() - began < 10 and "±" not in page.text(SOLVED)
    with window(replace(example(), n_electrons=1, n=32)) as page:
        page.start("solve")
        assert page.finished("solve", 30).startswith("solved in")


def calculations():
    """Python processes that the tests, and the studio, have started."""
    found = psutil.Process().children(recursive=True)
    return {p.pid for p in found if p.status() != psutil.STATUS_ZOMBIE and p.name().startswith("python")}


def test_closing_a_window_ends_its_calculation(window):
    with window(HARD) as page:
        before = calculations()
        page.start("solve")
        wait_for(lambda: page.text("[data-status=solve]") == "states")
        started = calculations() - before
        assert started
    wait_for(lambda: not started & calculations(), 40)


def test_reload_and_link_return_to_the_dot(window):
    with window() as page:
        page.button("Gates")
        page.draw((0.4, 0.1), (0.5, 0.2), (0.6, 0.3))
        wait_for(lambda: len(page.dot().gates) == 1)
        dot, numbers = page.dot(), None
        page.browser.refresh()
        page.ready()
        assert page.dot() == dot
        numbers = page.text("[data-numbers]")
    with window(dot) as page:
        assert page.dot() == dot and page.text("[data-numbers]") == numbers


def test_two_windows_have_separate_dots(window, address):
    with window() as page:
        first = page.browser.current_window_handle
        page.browser.switch_to.new_window("window")
        page.browser.get(address)
        page.ready()
        page.draw((0.5, 0.9), (0.5, 0.95))
        wait_for(lambda: len(page.dot().wells) == 3)
        page.start("solve")
        page.browser.switch_to.window(first)
        assert page.dot() == example() and page.one("[data-undo]").get_attribute("disabled")
        page.start("solve")
        assert page.finished("solve").startswith("solved in")
        assert len(page.browser.find_elements(CSS, "[data-numbers] tbody tr")) == 6


def test_bad_files_are_one_message_and_good_ones_a_potential(window, tmp_path):
    with window() as page:
        bad = tmp_path / "bad.npy"
        bad.write_bytes(b"\x93NUMPY garbage")
        page.upload(bad)
        assert "bad.npy" in page.message() and page.dot() == example()
        huge = tmp_path / "huge.npy"
        huge.write_bytes(b"0" * (9 * 2**20))
        page.upload(huge)
        wait_for(lambda: "at most 8 MiB" in page.message())
        assert page.dot() == example()
        V = potential(Dot(side=60.0, wells=(Well(20.0, 30.0, 15.0, 12.0),)))
        x, y = Grid(64, 60.0).mesh()
        rows = np.stack([x.ravel(), y.ravel(), V.ravel()], axis=1)
        good = tmp_path / "good.csv"
        np.savetxt(good, rows, delimiter=",", header="x[nm],y[nm],V[eV]", comments="")
        page.upload(good)
        wait_for(lambda: page.dot().background is not None)
        assert page.dot().side == 60.0 and abs(potential(page.dot()) - V).max() < 1e-5 * np.ptp(V)
        assert "values in eV" in wait_for(lambda: page.text("[data-notes]"))
        page.browser.get(page.browser.current_url.partition("?")[0] + "?dot=damaged")
        assert "link: expected the link of a dot" in page.message()


def test_a_sweep_fills_its_chart_and_the_slider_turns_the_dot(window):
    with window(replace(example(), n=32)) as page:
        page.fill("points", 3)
        page.start("sweep")
        assert page.finished("sweep") == "3 points"
        assert "largest |J|" in page.text("[data-sweep]")
        assert page.browser.find_elements(CSS, ".studio-chart canvas")
        page.browser.execute_script("arguments[0].focus()", page.one("[role=slider] [tabindex]"))
        ActionChains(page.browser).send_keys(*[Keys.ARROW_RIGHT] * 20).perform()
        wait_for(lambda: page.dot().detuning > 0)
        wait_for(lambda: page.text("[data-status=sweep]") in ("4 points", "5 points"))  # that of the slider is new


def test_a_stability_diagram_fills_in_and_can_be_cancelled(window):
    with window() as page:
        page.tab("stability")
        page.fill("from", 5)
        page.fill("to", 30)
        page.fill("leads µ (meV)", -6)
        page.fill("largest N", 1)
        page.fill("divisions", 0)
        page.start("stability")
        seen = {int(wait_for(lambda: page.one("[data-points]").get_attribute("data-points")))}
        while (
            page.text("[data-status=stability]") in ("", "starting")
            or not page.one("[data-job=stability]").is_enabled()
        ):
            seen.add(int(page.one("[data-points]").get_attribute("data-points")))
            time.sleep(0.05)
        assert len(seen) > 3 and max(seen) <= 81  # points appear while others are computed
        assert page.finished("stability").startswith("81 points")
        figure = page.one("[data-diagram] img")
        assert figure.is_displayed() and "depth of well 1" in figure.get_attribute("alt")
        page.fill("largest N", 3)
        page.fill("divisions", 3)
        page.start("stability")
        wait_for(lambda: "points" in page.text("[data-status=stability]"))
        page.click("[data-cancel=stability]")
        wait_for(lambda: page.text("[data-status=stability]") == "cancelled")


def test_a_painted_density_is_designed_and_used(window):
    with window() as page:
        page.button("Density")
        page.draw((0.3, 0.5), (0.5, 0.5), (0.7, 0.5), square="density")
        wait_for(lambda: page.dot().target)
        page.tab("design")
        page.fill("proposals", 1)
        page.fill("steps", 8)
        page.start("design")
        assert page.finished("design", 180).startswith("nearest proposal")
        page.button("Use proposal 1")
        dot = wait_for(lambda: page.dot() if page.dot().background else None)
        assert (
            dot.background.name == "design"
            and dot.wells == ()
            and 0 <= potential(dot).min() <= potential(dot).max() <= 0.0301
        )


UNLABELLED = """
const all = [...document.querySelectorAll('input, button, select, textarea, [role=slider], [tabindex="0"]')];
return all.filter(e => e.offsetParent !== null && e.type !== 'file').filter(e =>
  !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || (e.labels && e.labels.length) ||
    e.closest('label') || e.innerText.trim())).map(e => e.outerHTML.slice(0, 200));
"""


def test_the_keyboard_reaches_everything_and_everything_has_a_label(window):
    with window() as page:
        assert page.browser.execute_script(UNLABELLED) == []
        page.button("Brush")
        seen, active = [], None
        for _ in range(60):
            ActionChains(page.browser).send_keys(Keys.TAB).perform()
            active = page.browser.switch_to.active_element
            seen.append(active.get_attribute("data-square") or active.get_attribute("data-job") or active.tag_name)
            if seen[-1] == "sweep":
                break
        assert seen.index("V") < seen.index("solve") < seen.index("sweep")
        canvas = page.one("[data-square=V]")
        page.browser.execute_script("arguments[0].focus()", canvas)
        ActionChains(page.browser).send_keys(Keys.ARROW_UP, " ", *[Keys.ARROW_RIGHT] * 6, " ").perform()
        (stroke,) = wait_for(lambda: page.dot().strokes)
        assert stroke.points[-1][0] - stroke.points[0][0] == pytest.approx(6 * 120 / 40)
        outline = page.browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert page.browser.switch_to.active_element.get_attribute("data-square") == "V" and outline == "solid"
        assert page.browser.execute_script("return document.documentElement.lang").startswith("en")


def test_500_pixels_cut_nothing_off(window):
    with window(size=(500, 900)) as page:
        page.browser.set_window_size(500, 900)
        for tab in ("sweep", "stability", "design", "share"):
            page.tab(tab)
            time.sleep(0.3)
            inner, full = page.browser.execute_script(
                "return [window.innerWidth, document.documentElement.scrollWidth]"
            )
            assert inner <= 500 and full <= inner
        wide = page.browser.execute_script(
            "return [...document.querySelectorAll('main *')].filter(e => e.offsetParent !== null && "
            "e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest('.q-tabs') && !e.closest('pre'))"
            ".map(e => e.outerHTML.slice(0, 120))"
        )
        assert wide == []
        page.browser.execute_script("window.scrollTo(0, 0)")
        page.screenshot("narrow")


def test_the_pictures_of_the_documentation(window):
    with window(size=(1280, 1400)) as page:
        page.browser.set_window_size(1280, 1400)
        page.button("Brush")
        page.draw((0.3, 0.8), (0.45, 0.75), (0.6, 0.75), (0.75, 0.8))
        page.start("solve")
        page.finished("solve")
        page.fill("points", 9)
        page.start("sweep")
        page.finished("sweep")
        page.browser.execute_script("window.scrollTo(0, 0)")
        page.screenshot("wide")
        page.tab("stability")
        page.fill("from", 5)
        page.fill("to", 35)
        page.start("stability")
        page.finished("stability", 200)
        page.browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", page.one("[data-tab=stability]"))
        page.screenshot("stability")
