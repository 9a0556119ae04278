"""axe-core in the page: the rules of WCAG 2.2 AA."""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@cache
def _axe() -> str:
    """Return the script; evaluated by the browser's tools, which the page's policy allows."""
    return (files("axe_playwright_python") / "axe.min.js").read_text()


def violations(page: Page) -> list[str]:
    """Return a line for each element that breaks a rule; runs the rules on the page as it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    found = page.evaluate(
        """async (tags) => {
          const { violations } = await axe.run(document,
            { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
          return violations.flatMap(({ id, nodes }) =>
            nodes.map(({ target, failureSummary }) => [id, target.join(" "), failureSummary]));
        }""",
        TAGS,
    )
    return [": ".join(line) for line in found]
