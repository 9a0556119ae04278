from highway_client.files.rows import FileRows

ROWS = FileRows(rows=[[n] for n in range(600)])


def test_parts_have_at_most_256_rows() -> None:
    assert [(start, len(rows)) for start, rows in ROWS.parts(1)] == [
        (0, 256),
        (256, 256),
        (512, 88),
    ]


def test_parts_of_large_rows_have_at_most_half_a_million_values() -> None:
    assert len(next(ROWS.parts(2**17))[1]) == 4
    assert len(next(ROWS.parts(2**22))[1]) == 1
