"""Hostile names, the content security policy, and what is there without JavaScript."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.inspector.browser import state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.models import layered_model
from tests.service.serving import eventually, serving

VIOLATIONS = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    window.violations.push(`${violatedDirective} ${blockedURI}`));
"""
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '"><b id=bold>',
    "${1}",
    # Members that every object of JavaScript has, and names that it puts first.
    "__proto__",
    "constructor",
    "10",
    "2",
    "W" * 900,
]
LAYERS = [HOSTILE[0], "__proto__", "constructor", "10", "2", "W" * 200]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SNAPSHOT_VIEWS = ("requests", "drift", "traffic", "model", "try")


def test_hostile_labels_and_layer_names_are_shown_as_text(visits: Visits, tmp_path: Path) -> None:
    file = tmp_path / "hostile.onnx"
    file.write_bytes(layered_model(len(LAYERS), 3, labels=HOSTILE, names=LAYERS))
    settings = {
        "HIGHWAY_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "HIGHWAY_LEDGER_INPUTS": "all",
    }
    with serving(file, **settings) as (_, port):
        visit = visits(port)
        visit.context.add_init_script(VIOLATIONS)
        visit.page.on("dialog", lambda dialog: visit.faults.append(f"dialog: {dialog.message}"))
        # The scripts of these names must not run from the address either.
        page = visit.open("model=" + HOSTILE[0] + "/" + HOSTILE[1] + "&scales=0:0")
        expect(page.locator("status-line")).to_contain_text(HOSTILE[0])
        pixels = [[7] * 28] * 28
        update(
            page, input={"kind": "pixels", "pixels": pixels, "name": HOSTILE[0]}, instance=pixels
        )
        until(page, "s.whatIf !== null")
        assert state(page, "s.model.labels") == HOSTILE
        request = visit.context.request
        eventually(lambda: request.get("/requests").status == 200)
        request.post("/predict", data={"instances": [pixels]})
        eventually(lambda: request.get("/requests").json()["requests"])
        for view in SNAPSHOT_VIEWS:
            update(page, view=view)
            page.locator(f"{view}-view").wait_for(state="attached")
            if view == "requests":
                page.locator("request-list tbody button").first.click()
                expect(page.get_by_role("button", name=f"Close {LAYERS[0]}")).to_be_enabled()
        page.wait_for_load_state("networkidle")
        shown = page.locator("main").inner_text()
        assert not re.search(r"NaN|undefined|native code|\[object", shown)
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(wide) <= 0
        assert page.locator("img[src=x], #bold, main script, header script").count() == 0
        assert page.evaluate("window.violations") == []
        assert page.locator("[style]:not([style^='--'])").count() == 0


def test_the_policy_blocks_inline_scripts_and_eval(visits: Visits) -> None:
    visit = visits()
    visit.context.add_init_script(VIOLATIONS)
    page = visit.open()
    assert page.evaluate("window.violations") == []
    blocked = page.evaluate(
        """async () => {
          await new Promise((resolve) => setTimeout(resolve)); // the call itself may use eval
          const inline = document.createElement("script");
          const refused = [
            () => { inline.textContent = "window.hacked = 1"; },
            () => window.eval("1"),
            () => setTimeout("1"), () => { document.body.innerHTML = "<b>"; },
            () => new Function("return 1")()];
          return refused.map((attempt) => {
            try { attempt(); return false; } catch { return true; }
          });
        }"""
    )
    assert blocked == [True] * 5
    page.evaluate("fetch('https://example.com/').catch(() => 0)")
    page.evaluate(
        """() => {
          document.body.append(Object.assign(new Image(), { src: "//example.com/x.png" }));
        }"""
    )
    page.wait_for_function("() => window.violations.length >= 4")
    assert page.evaluate("[window.hacked, document.cookie]") == [None, ""]
    assert any(fault.startswith("error: ") for fault in visit.faults)
    visit.faults.clear()


def test_the_page_its_files_and_missing_ones_have_safe_headers(visits: Visits) -> None:
    request = visits().context.request
    page = request.get("/")
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert "no-cache" in page.headers["cache-control"]
    # Every file that the page names has the digest of its release in its path.
    assert len(set(re.findall(r"inspector/([0-9a-f]{16})/", page.text()))) == 1
    folder = re.findall(r'src="(inspector/[0-9a-f]{16}/)main\.js"', page.text())[0]
    file = request.get(f"/{folder}main.js")
    assert "immutable" in file.headers["cache-control"]
    missing = request.get("/inspector/0123456789abcdef/main.js")
    assert missing.status == 404
    assert missing.json()["error"].startswith("path: not found; ")
    for response in (page, file, missing):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
    for path in ("..%2Fassets.py", "%2e%2e%2fassets.py", "index.html", "styles/1-base.css"):
        assert request.get(f"/{folder}{path}").status == 404


def test_without_javascript_the_page_says_what_it_needs(visits: Visits) -> None:
    page = visits(java_script_enabled=False).page
    page.goto("/")
    words = page.locator("main noscript").text_content() or ""
    assert "It needs JavaScript" in words
    assert "POST /predict" in re.sub("<.*?>", "", words)
