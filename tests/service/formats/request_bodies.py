"""Random protocol requests as text, valid or not: no JSON library writes them in so many forms."""

from hypothesis import strategies as st

STRINGS = [
    *('"data"', '"input"', '"x"', '""', '"[1,2,3,4]"', '"]"', '"["', r'"\"data\":[1,2,3,4]"'),
    *(r'"\\"', r'"\""', '"☃ data"', r'"data\""', r'"\"data"', r'"\u0022data\u0022: ["', '"{"'),
    *(r'"\ud83d\ude42"', '" data"', '":"', '","'),
]
VALUES = [
    *("[1,2,3,4]", '["data", [1,2,3,4]]', "[]", '{"data": [1,2,3,4]}', "[[1],[2]]", "1", "null"),
    *STRINGS,
]
NUMBERS = [
    *("1", "0", "-0", "-0.0", "2.5", "-3", "100", "1e2", "1E-5", "3.4028235e38", "1e-46", "0.1"),
    *("9007199254740993", "18446744073709551615", "-9223372036854775808", "16777217"),
]
FACTORS = ["0", "-0.0", "1", "0.5", "10", "1e-46"]
ODD_NUMBERS = [
    *("null", "true", "NaN", "Infinity", "1e400", "3.5e38", "1e200", "01", "+1", ".5", "1.", "-"),
    *('"1"', "[1]", "[]", "{}", "99999999999999999999", "", "1 2", '"]"', '"["', "-1", "11"),
]
WORDS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"null", b"-", b"0", b"1e39", b"NaN", b" "),
    *(b'"data"', b'"data":', b'"data":[1,2,3,4]', b'"data":[', b"],", b"[]", b'\\"', b"\0"),
    *(b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"1", b".", b"e5", b"/**/", b"'", b"\x7f"),
]
SPACES = st.sampled_from(["", "", "", " ", "\n\t", " \r\n"])


def one_of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


class Writer:
    """Writes the parts of a request; each may be wrong if it is `wild`."""

    def __init__(self, draw: st.DrawFn, *, wild: bool, behind: bool) -> None:
        """`behind` puts the numbers in binary behind the JSON."""
        self._draw = draw
        self._wild = wild
        self._behind = behind

    def request(self) -> str:
        draw = self._draw
        rows = draw(st.sampled_from([1, 1, 2, 3, 5, *([0, 6] if self._wild else [])]))
        inputs = [self._tensor("input", rows, 4, NUMBERS)]
        if draw(st.integers(0, 2)) == 0:
            scaled = self._tensor("gate_scale", draw(st.sampled_from([1, rows])), 2, FACTORS)
            inputs.insert(draw(st.integers(0, 1)), scaled)
        members = [('"inputs"', self._list(inputs))]
        if draw(st.booleans()):
            members.append(('"id"', draw(st.sampled_from(["null", *STRINGS]))))
        if draw(st.integers(0, 2)) == 0:
            wanted = one_of('{"name": "logits"}', self._or_odd('{"name": "gate_mean"}', VALUES))
            members.append(('"outputs"', self._list([draw(wanted)])))
        if draw(st.integers(0, 2)) == 0:
            parameters = one_of('{"timeout": 5}', '{"binary_data_output": true}', '{"data": [1]}')
            members.append(('"parameters"', self._or_odd(draw(parameters), VALUES)))
        return self._object(members)

    def _tensor(self, name: str, rows: int, width: int, numbers: list[str]) -> str:
        members = [
            ('"name"', self._or_odd(f'"{name}"', VALUES)),
            ('"datatype"', self._or_odd('"FP32"', ['"INT8"', *VALUES])),
            ('"shape"', self._or_odd(f"[{rows},{width}]", [f"[{rows}]", "[1.0,4]", *VALUES])),
        ]
        size = f'{{"binary_data_size": {4 * rows * width}}}'
        if self._behind:
            members.append(('"parameters"', size))
        else:
            key = self._or_odd('"data"', [r'"da\u0074a"', '"Data"', r'"data\u0000"'])
            members.append((key, self._data(rows * width, width, numbers)))
            if self._draw(st.integers(0, 5)) == 0:
                parameters = self._draw(one_of("{}", '{"data": [1,2,3,4]}', '{"x": "data"}'))
                members.append(('"parameters"', self._or_odd(parameters, [size, *VALUES])))
        return self._object(members)

    def _data(self, count: int, width: int, numbers: list[str]) -> str:
        count += int(self._or_odd("0", ["-1", "1"])) if count else 0
        items = self._draw(st.lists(st.sampled_from(numbers), min_size=count, max_size=count))
        if items:
            index = self._draw(st.integers(0, len(items) - 1))
            items[index] = self._or_odd(items[index], ODD_NUMBERS)
        if self._draw(st.integers(0, 5)) == 0:
            nested = [self._list(items[i : i + width]) for i in range(0, len(items), width)]
            return self._list(nested)
        return self._list(items)

    def _list(self, items: list[str]) -> str:
        space = self._draw(SPACES)
        return f"[{space}{f'{space},{self._draw(SPACES)}'.join(items)}{space}]"

    def _object(self, members: list[tuple[str, str]]) -> str:
        """Write members in any order, and perhaps others, before or after a member of its name."""
        draw = self._draw
        members = draw(st.permutations(members))
        if draw(st.integers(0, 3)) == 0:
            added = draw(st.sampled_from(STRINGS)), draw(st.sampled_from(VALUES))
            members.insert(draw(st.integers(0, len(members))), added)
        change = draw(st.integers(0, 9)) if self._wild else 9
        if change == 0:
            members.append(draw(st.sampled_from(members)))
        elif change == 1:
            members.pop()
        space, colon = draw(SPACES), draw(SPACES)
        return f"{{{space}{f',{space}'.join(f'{k}:{colon}{v}' for k, v in members)}{space}}}"

    def _or_odd(self, text: str, odd: list[str]) -> str:
        if self._wild and self._draw(st.integers(0, 9)) == 0:
            return self._draw(st.sampled_from(odd))
        return text


@st.composite
def bodies(draw: st.DrawFn, *, behind: bool = False) -> bytes:
    """Return a request, or its JSON if the numbers are `behind` it; a third are damaged."""
    damages = draw(st.sampled_from([0, 0, 0, 0, 1, 2]))
    wild = draw(st.booleans())
    text = bytearray(Writer(draw, wild=wild, behind=behind).request().encode())
    for _ in range(damages):
        start = draw(st.integers(0, max(0, len(text) - 1)))
        text[start : start + draw(st.sampled_from([0, 0, 1, 2, 5]))] = draw(st.sampled_from(WORDS))
    if damages and draw(st.integers(0, 3)) == 0:
        del text[draw(st.integers(0, len(text))) :]
    return bytes(text)
