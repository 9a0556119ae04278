"""The page of joined modules exports what the modules themselves do."""

import re

from playwright.sync_api import Page

from service.inspector.assets import STATIC, read_assets

FORWARD = b"import { joinedModules }"  # the start of a file whose module the main file holds
PATHS = [path for path, file in read_assets().files.items() if file.content.startswith(FORWARD)]
EXPORT = re.compile(r"^export (?:async )?(function|class|const|let) (\w+)", re.MULTILINE)
EXPORTS = """(paths) => {
  const { src } = document.querySelector("script[type=module]");
  const kind = (value) => typeof value === "function" ? value.name : "value";
  return Promise.all(paths.map(async (path) => {
    const found = await import(new URL(path, src));
    return [path, Object.keys(found).sort().map((name) => [name, kind(found[name])])];
  }));
}"""


def test_joined_modules_export_what_the_modules_do(page: Page) -> None:
    """All other tests of the page run on the joined modules, too."""
    exported = dict(page.evaluate(EXPORTS, PATHS))
    assert len(exported) > 30
    for path, found in exported.items():
        source = (STATIC / path).read_text()
        declared = {match[2]: match[1] for match in EXPORT.finditer(source)}
        assert sorted(declared) == [name for name, _ in found], path
        for name, kind in found:
            assert kind == (name if declared[name] in ("function", "class") else kind), path
