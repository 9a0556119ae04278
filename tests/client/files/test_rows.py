from highway_client.files.rows import FileRows

ROWS = FileRows(rows=[[n] for n in range(600)])


def test_parts_have_at_most_256_rows() -> None:
    assert [(start, len(rows)) for start, rows in ROWS.parts(1)] == [
        (0, 256),
        (256, 256),
        (512, 88),
    ]


def test_parts_of_large_rows_fit_the_default_limit_of_a_body() -> None:
    assert len(next(ROWS.parts(2**15))[1]) == 4
    assert len(next(ROWS.parts(2**22))[1]) == 1
