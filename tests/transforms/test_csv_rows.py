import io

from pipelines.transforms import csv_rows
from pipelines.transforms.csv_rows import CsvRow, read_csv_rows, unique_names


def rows(text: str) -> list[CsvRow]:
    return list(read_csv_rows(io.StringIO(text, newline="")))


def test_quoted_newlines_commas_and_quotes_are_part_of_a_cell() -> None:
    assert rows('a,"b\r\nc, ""d"""\r\ne,f') == [
        CsvRow(1, ["a", 'b\r\nc, "d"'], 'a,"b\r\nc, ""d"""\r\n'),
        CsvRow(3, ["e", "f"], "e,f"),
    ]


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    assert [(row.line, row.cells) for row in rows("a\n\nb\r\r\nc\n")] == [(1, ["a"]), (3, ["b"]), (5, ["c"])]


def test_a_quote_that_is_never_closed_costs_one_line_and_no_more() -> None:
    assert rows('a,b\n"c,d\ne,f\ng,h\n') == [
        CsvRow(1, ["a", "b"], "a,b\n"),
        CsvRow(2, None, '"c,d\n'),
        CsvRow(3, ["e", "f"], "e,f\n"),
        CsvRow(4, ["g", "h"], "g,h\n"),
    ]


def test_text_after_a_closing_quote_makes_a_broken_row() -> None:
    assert [row.cells for row in rows('a,"b"c\nd,e\n')] == [None, ["d", "e"]]


def test_a_cell_beyond_the_limit_is_given_up_and_reading_goes_on(monkeypatch: object) -> None:
    long = "x" * (csv_rows.MAX_CELL_CHARS + 1)
    found = rows(f'a,b\n"{long}\nc,d\n')
    assert [(row.line, row.cells) for row in found] == [(1, ["a", "b"]), (2, None), (3, ["c", "d"])]


def test_columns_without_a_name_or_with_a_used_one_get_their_place() -> None:
    assert unique_names([" text ", "", "text", "a"]) == ["text", "column_2", "text_3", "a"]
