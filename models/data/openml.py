"""Tables from https://www.openml.org by name."""

import http.client
import re
import warnings
from urllib.error import URLError

from sklearn.datasets import fetch_openml

from models.data.frames import open_frame
from models.data.opened_table import OpenedTable
from models.errors import DataError, first_line
from service.contract import TextFormat

NAME = re.compile(r"([^\s/:?#%]+)(?::([1-9][0-9]*))?")


def open_openml(name: str, target: str | None, text: TextFormat) -> tuple[OpenedTable, str | None]:
    """Fetch a table into scikit-learn's cache, and return it with its target.

    `name` is NAME, for the oldest active version, or NAME:VERSION. Without a target, OpenML's
    only default target is used. Raises `DataError` if the table cannot be fetched.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(f"data: expected openml:NAME or openml:NAME:VERSION, found openml:{name}")
    where = f"openml:{name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about failed attempts and further versions
            bunch = fetch_openml(
                match[1],
                version=int(match[2]) if match[2] else "active",
                as_frame=True,
                n_retries=1,
                target_column="default-target" if target is None else None,
            )
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = first_line(getattr(error, "reason", error))
        raise DataError(
            f"{where}: www.openml.org cannot be reached ({reason}); save the table as a CSV file "
            "and use that file"
        ) from error
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{where}: scikit-learn cannot fetch the table: {first_line(error)}"
        ) from error
    targets = bunch.target_names or []
    default_target = targets[0] if len(targets) == 1 else None
    return open_frame(bunch.frame, where, text), target or default_target
