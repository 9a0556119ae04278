"""The outputs of a batch, which its requests share."""

from typing import Any

from service.arrays import Outputs


class BatchOutputs:
    """The outputs of the rows of a batch, by name.

    `encoded` has the JSON that `service.formats.encoded_rows` keeps for all requests of the batch,
    and `strata` the stratum of each row, a byte, once `service.ledger.strata` has computed them.
    """

    __slots__ = ("arrays", "encoded", "strata")

    def __init__(self, arrays: Outputs) -> None:
        self.arrays = arrays
        self.encoded: dict[str, Any] = {}
        self.strata: bytes | None = None

    def rows(self, first: int, last: int) -> Outputs:
        """Return the outputs of the rows from `first` to before `last`."""
        return {name: values[first:last] for name, values in self.arrays.items()}
