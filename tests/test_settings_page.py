from docs.write_settings import PAGE, page


def test_the_page_of_settings_is_generated_from_the_settings() -> None:
    assert PAGE.read_text() == page(), "run `python -m docs.write_settings`"
