"""The spool's format: no damage costs a record that it did not hit, and none goes uncounted."""

from hypothesis import given
from hypothesis import strategies as st

from serving.spool_records import decoded, encoded
from tests.growth import superlinear

ROWS = st.lists(st.binary(max_size=60).map(lambda row: row.replace(b"\n", b"")), max_size=8)


def records(rows: list[bytes]) -> bytes:
    return encoded("p", rows)


@given(ROWS)
def test_records_are_read_back_in_order(rows):
    assert decoded(records(rows)) == ([("p", row) for row in rows], [])


@given(ROWS.filter(bool), st.data())
def test_flipped_bit_costs_at_most_its_own_record_and_is_counted(rows, data):
    written = bytearray(records(rows))
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    written[bit // 8] ^= 1 << bit % 8

    lines, damaged = decoded(bytes(written))

    kept = [row for _, row in lines]
    assert len(kept) >= len(rows) - 1
    assert all(row in rows for row in kept)
    assert damaged or len(kept) == len(rows)


@given(ROWS.filter(bool), st.data())
def test_torn_record_never_joins_the_next_one(rows, data):
    whole, torn = records(rows[:-1]), records(rows[-1:])
    cut = data.draw(st.integers(0, len(torn) - 1))

    lines, damaged = decoded(whole + torn[:cut] + records([b"later"]))

    assert [row for _, row in lines] == [*rows[:-1], b"later"]
    assert len(damaged) == (cut > 1)


def test_flipped_bit_that_makes_a_line_end_costs_one_record():
    written = records([b"before", b"a*b", b"after"]).replace(b"a*b", b"a\nb")

    lines, damaged = decoded(written)

    assert [row for _, row in lines] == [b"before", b"after"]
    assert len(damaged) == 1


def test_row_that_looks_like_a_record_is_not_read_out_of_a_damaged_one():
    inner = records([b"forged"])[1:]
    written = records([b"x" + inner])

    lines, damaged = decoded(written[:1] + b"f" + written[2:])

    assert lines == []
    assert len(damaged) == 1


def test_zeros_after_a_power_cut_are_one_damaged_stretch():
    lines, damaged = decoded(records([b"kept"]) + bytes(4096))

    assert [row for _, row in lines] == [b"kept"]
    assert len(damaged) == 1


def test_time_of_reading_grows_linearly_with_any_repetition():
    units = ["\n", "\n00000005 00000000 ", "\n000fffff 00000000 ", "00000000 ", "x", "\nf", "\0"]

    assert not superlinear(lambda text: decoded(text.encode()), units, count=5_000)
