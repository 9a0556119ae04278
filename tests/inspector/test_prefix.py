"""The pages under the path prefix of a proxy."""

from playwright.sync_api import expect

from service.settings import BUNDLED_MODEL
from tests.inspector.conftest import Visits
from tests.inspector.inputs import show_picture
from tests.inspector.test_docs_page import call
from tests.service.serving import serving

PREFIX = "/team/models"


def test_all_requests_and_links_of_the_pages_stay_under_the_prefix(visits: Visits) -> None:
    settings = {"HIGHWAY_ROOT_PATH": PREFIX, "HIGHWAY_LEDGER_URL": "off"}
    with serving(BUNDLED_MODEL, **settings) as (_, port):
        visit = visits(port)
        page, paths = visit.page, set[str]()
        page.on("request", lambda sent: paths.add(sent.url.removeprefix(visit.origin)))
        page.goto(PREFIX)  # redirected, so that the relative addresses are right
        page.locator("#model").wait_for()
        show_picture(page)
        expect(page.locator("answer-panel .outcome.before .label")).to_have_text("7")
        page.get_by_role("link", name="API").click()
        expect(page.locator(".opblock", has_text="/what-if").first).to_be_visible(timeout=20_000)
        assert '"name": "digits"' in call(page)
        page.get_by_role("link", name="Inspector").click()
        page.locator("#model").wait_for()
        assert page.url == f"{visit.origin}{PREFIX}/"
    assert {f"{PREFIX}/openapi.json", f"{PREFIX}/v2/models"} <= paths
    assert any(path.endswith("/what-if") for path in paths)
    outside = {path for path in paths if not path.startswith((f"{PREFIX}/", "data:", "blob:"))}
    assert outside == {PREFIX}
