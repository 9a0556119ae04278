"""What the text of one cell can be: a number, a date, or a mark of a missing value.

Training and `highway predict` read cells by these rules alone.
"""

import re
from datetime import UTC, datetime, timedelta

SPACES = " \t\u00a0\u202f"  # around a cell: space, tab and the no-break spaces
ISO = "iso"  # the date format of ISO 8601

# The missing values of pyarrow's `ConvertOptions.null_values`.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    )
)
# As pyarrow reads them, in any case.
BOOLEANS = {"false": False, "0": False, "true": True, "1": True}
LIKE_MISSING = frozenset(
    (
        *("#div/0!", "#n/a", "#name?", "#null!", "#num!", "#ref!", "#value!", "(null)", "<na>"),
        *("\\n", "missing", "n.a", "n.a.", "n.d.", "n/a", "na", "nan", "nil", "no data"),
        *("nodata", "none", "not available", "null", "undefined", "unk", "unknown", "#na"),
    )
)

# As a regular expression; the ISO codes that are common in tables.
CURRENCIES = (
    "AED|ARS|AUD|BDT|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KES|"
    "KRW|KWD|LKR|MAD|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|"
    "USD|VND|ZAR"
)
SIGNS = "$€£¥¢₩₪₫₱₴₹₺₽"
SIGN = r"[+\-−]?"
BEFORE = rf"(?:[A-Z]{{0,2}}[{SIGNS}]|{CURRENCIES})"
# A word of letters and of signs such as °, %, µ, ², / and ·; "m2" and "m3" end with a digit.
AFTER = rf"(?:[{SIGNS}%‰°µμ]|[^\W\d_])(?:[{SIGNS}%‰°µμ²³⁻¹/·^.\-]|[^\W\d_])*[23]?"
OTHER_BASE = re.compile(r"[+-]?0[xXbBoO][0-9a-fA-F]+")  # 0x1F is no number with the unit "x1F"

DAY, MONTH, YEAR = r"[0-9]{1,2}", r"[0-9]{1,2}", r"[0-9]{4}"
NAME = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
TIME = r"(?:(?:[T ]|, )[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[AaPp][Mm])?)?"
ZONE = r"(?: ?(?:Z|[A-Z]{3,4}|[+-][0-9]{2}:?[0-9]{2}))?"
NUMERIC_DATES = tuple(
    re.compile(f"(?:{date}){TIME}{ZONE}")
    for date in (
        rf"(?P<y>{YEAR})(?P<s>[-/.])(?P<m>{MONTH})(?P=s)(?P<d>{DAY})",
        rf"(?P<m>{MONTH})(?P<s>[-/.])(?P<d>{DAY})(?P=s)(?P<y>{YEAR})",
        r"(?P<m>[0-9]{1,2})(?P<s>[-/])(?P<d>[0-9]{1,2})(?P=s)(?P<y>[0-9]{2})",
        r"(?P<m>[0-9]{2})(?P<s>\.)(?P<d>[0-9]{2})(?P=s)(?P<y>[0-9]{2})",
    )
)
NAMED_DATE = re.compile(
    rf"(?:[A-Za-z]+,? )?(?:{DAY}(?:[a-z]{{2}})?\.?[ \-]{NAME}[ ,\-]{{1,2}}(?:{YEAR}|[0-9]{{2}})"
    rf"|{NAME} {DAY}(?:[a-z]{{2}})?,? {YEAR}){TIME}{ZONE}"
)
# As SAS writes a date and a time: 01JAN2020, 01JAN2020:13:05:00.
SAS_DATE = re.compile(
    r"[0-9]{2}(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:[0-9]{4}|[0-9]{2})"
    r"(?::[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
)
MONTH_OF_YEAR = re.compile(rf"(?:19|20)[0-9]{{2}}-(?:0[1-9]|1[0-2])|{NAME}[ \-]{YEAR}")
# `fromisoformat` alone would take any character between date and time.
ISO_DATE = re.compile(
    r"[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2}(?:-?[0-9])?)(?:[T ][0-9:.,Z+-]+)?"
)
WITH_YEAR = re.compile(r"%[YyGcxD]")
EPOCH = datetime(1970, 1, 1)
ONE_DAY = timedelta(days=1)


def number_pattern(decimal: str = ".") -> str:
    """Return the regular expression of a whole cell that is a number, for Python and for RE2."""
    point = re.escape(decimal)
    digits = rf"[0-9]+{point}?[0-9]*|{point}[0-9]+"
    return rf"^[{SPACES}]*[+-]?({digits})([eE][+-]?[0-9]+)?[{SPACES}]*$"


NUMBER = number_pattern()
_NUMBERS = {decimal: re.compile(number_pattern(decimal)) for decimal in (".", ",")}


def is_number(text: str, decimal: str = ".") -> bool:
    """Return whether the text is a plain number: ASCII digits, no separators, no infinity."""
    return _NUMBERS[decimal].fullmatch(text) is not None


def number(text: str, decimal: str = ".") -> float | None:
    """Return a plain number, infinite if float64 cannot hold it, or None for other text."""
    if not is_number(text, decimal):
        return None
    return float(text.strip(SPACES).replace(decimal, "."))


def boolean(text: str) -> bool | None:
    """Return true or 1 and false or 0 as a boolean, in any case, and None for other text.

    1 and 0 are booleans only in a column that also has one of the words; else they are numbers.
    """
    return BOOLEANS.get(text.strip(SPACES).lower())


def decorated_number(text: str, decimal: str = ".") -> tuple[float, str] | None:
    """Return a number with thousands separators, a currency or a unit, and that unit.

    The unit of a plain number is "". Groups must have three digits. None for other text.
    """
    text = text.strip(SPACES)
    found = None if OTHER_BASE.fullmatch(text) else _DECORATED[decimal].fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        return None
    if found["first"] and found["second"]:
        return None
    digits = found["number"].replace(found["separator"] or " ", "")
    sign = "-" if (found["first"] or found["second"]) in ("-", "−") else ""
    value = float(sign + digits.replace(decimal, "."))
    return value, found["before"] or found["after"] or ""


def looks_like_missing(text: str) -> bool:
    """Return whether the text seems to mark a missing value: no letter or digit, or a word."""
    text = text.strip(SPACES)
    return not any(map(str.isalnum, text)) or text.casefold() in LIKE_MISSING


def looks_like_date(text: str) -> bool:
    """Return whether the text seems to be a date, with or without a time of day."""
    text = text.strip(SPACES)
    if any(date.fullmatch(text) for date in (NAMED_DATE, SAS_DATE, MONTH_OF_YEAR)):
        return True
    found = next(filter(None, (date.fullmatch(text) for date in NUMERIC_DATES)), None)
    if found is None:
        return False
    parts = sorted((int(found["m"]), int(found["d"])))
    return 1 <= parts[0] <= 12 and parts[1] <= 31


def days(text: str, date_format: str) -> float | None:
    """Return a date as days since 1970-01-01 UTC, with a fraction for the time of day.

    `date_format` is "iso" or a format of `datetime.strptime`. A date without a time zone is UTC.
    None if the text is not such a date.
    """
    text = text.strip(SPACES)
    if any(character.isdecimal() and not character.isascii() for character in text):
        return None  # strptime reads the digits of every script
    if date_format == ISO and not ISO_DATE.fullmatch(text):
        return None
    try:
        if date_format == ISO:
            date = datetime.fromisoformat(text)
        else:
            date = datetime.strptime(text, date_format)
        epoch = EPOCH if date.tzinfo is None else EPOCH.replace(tzinfo=UTC)
        return (date - epoch) / ONE_DAY
    except (ValueError, OverflowError, re.error):
        return None


def is_date_format(date_format: str) -> bool:
    """Return whether a format is "iso", or one of `datetime.strptime` that has the year."""
    if date_format == ISO:
        return True
    if not WITH_YEAR.search(date_format):
        return False
    example = datetime(2003, 4, 5)
    try:
        return datetime.strptime(example.strftime(date_format), date_format).year == example.year
    except (ValueError, re.error):
        return False


def _decorated(decimal: str) -> re.Pattern[str]:
    point = re.escape(decimal)
    separators = " \u00a0\u202f\u2009'’" + ("," if decimal == "." else ".")
    grouped = (
        rf"[1-9][0-9]{{0,2}}(?P<separator>[{separators}])[0-9]{{3}}(?:(?P=separator)[0-9]{{3}})*"
        rf"(?:{point}[0-9]*)?"
    )
    plain = rf"(?:[0-9]+{point}?[0-9]*|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    space = rf"[{SPACES}]?"
    return re.compile(
        rf"(?P<first>{SIGN})(?:(?P<before>{BEFORE}){space})?(?P<second>{SIGN})"
        rf"(?P<number>{grouped}|{plain})(?:{space}(?P<after>{AFTER}))?"
    )


_DECORATED = {decimal: _decorated(decimal) for decimal in (".", ",")}
