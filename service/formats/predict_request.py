"""The bodies of the friendly requests: `/predict` and `/explain`."""

from typing import NamedTuple

from service.classifier import FloatArray
from service.contract import GATE_SCALE, GATE_UNITS, Metadata
from service.errors import BodyError
from service.formats.documents import parse_object
from service.formats.gate_scale import read_gate_scale
from service.formats.instances import INSTANCES, read_instance, read_instances
from service.formats.parameters import read_flag

INSTANCE = "instance"


class PredictRequest(NamedTuple):
    """Rows (n, features), and what multiplies their gates, (1 or n, layers), if anything does."""

    rows: FloatArray
    gate_scale: FloatArray | None


class ExplainRequest(NamedTuple):
    """A row, (1, features), and whether its gates are to be told one by one."""

    row: FloatArray
    gate_units: bool


def read_predict(body: bytes, metadata: Metadata, *, max_rows: int) -> PredictRequest:
    """Read `{"instances": [row, …], "gate_scale": …}`; other members are ignored.

    A body that is not such an object is a `BodyError`, rows or scales that do not fit the model are
    an `InputError` that names the place and the kind of value.
    """
    document = parse_object(body, INSTANCES, GATE_SCALE)
    instances = document.get(INSTANCES)
    if instances is None:
        raise BodyError(f"body: expected the member '{INSTANCES}', found none")
    rows = read_instances(body, instances, metadata.input, max_rows=max_rows)
    scale = document.get(GATE_SCALE)
    if scale is None:
        return PredictRequest(rows, None)
    layers = [layer.name for layer in metadata.layers]
    return PredictRequest(rows, read_gate_scale(scale, layers, len(rows)))


def read_explain(body: bytes, metadata: Metadata) -> ExplainRequest:
    """Read `{"instance": row, "gate_units": false}`; errors as `read_predict`'s."""
    document = parse_object(body, INSTANCE, GATE_UNITS)
    instance = document.get(INSTANCE)
    if instance is None:
        raise BodyError(f"body: expected the member '{INSTANCE}', found none")
    row = read_instance(body, instance, metadata.input, INSTANCE)
    return ExplainRequest(row, read_flag(document, GATE_UNITS) is True)
