"""The OpenAPI document with the sizes of the served models.

The general schemas hold for any model. Here they get the names, columns, layers, labels and limits
of those that are served, so that a reader or a generated client sees what the server accepts, and
a test tool can generate valid requests.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from math import prod
from typing import Any

from fastapi import FastAPI

from service.contract import (
    FIRST_DAY,
    GATE_MEAN,
    GATE_SCALE,
    INPUT,
    ISO,
    LAST_DAY,
    Column,
    Input,
    Metadata,
    tensor_widths,
)
from service.formats.explain import INSTANCE
from service.formats.gate_scale import MAX_SCALE
from service.formats.rows import INSTANCES
from service.formats.tables import shown_value
from service.formats.what_if import MAX_SCALES
from service.http.schemas.inference import ExplainRequest, WhatIfRequest
from service.http.schemas.ledger import RerunWhatIfRequest
from service.inference.models import Models

Schema = dict[str, Any]

WITH_A_ROW = (ExplainRequest.__name__, WhatIfRequest.__name__)
WITH_SCALES = (WhatIfRequest.__name__, RerunWhatIfRequest.__name__)
LARGEST = 3.4028234663852886e38  # float32
PREDICTION = "Prediction"


def describe_models(app: FastAPI, models: Models, *, max_rows: int) -> None:
    """Let the application's document describe `models`, and requests of at most `max_rows` rows.

    It is generated for the first request and again when other models are served.
    """
    generate = app.openapi
    described: list[Metadata] | None = None
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        nonlocal described, document
        served = [model.metadata for model in models]
        if described != served:
            described, document = served, with_models(generate(), served, max_rows=max_rows)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def with_models(
    document: dict[str, Any], served: Sequence[Metadata], *, max_rows: int
) -> dict[str, Any]:
    """Return a copy of the document with these models' sizes and an example of each request."""
    document = deepcopy(document)
    schemas = document["components"]["schemas"]
    row = _either(map(row_schema, (metadata.input for metadata in served)))
    scale = _either(map(scale_schema, served))
    scales = _scales(scale, MAX_SCALES)
    predict = schemas["PredictRequest"]
    predict["properties"][INSTANCES] |= {"items": row, "maxItems": max_rows}
    predict["properties"][GATE_SCALE]["anyOf"] = _scales(scale, max_rows)
    predict["examples"] = [{INSTANCES: [example_row(metadata)]} for metadata in served]
    schemas["InferInput"] = _infer_input(schemas["InferInput"], served, max_rows)
    schemas["InferRequest"]["properties"]["inputs"]["maxItems"] = 2
    _size_prediction(schemas[PREDICTION]["properties"], served)
    for operation in _operations(document):
        _size_operation(operation, served)
        for media in operation.get("requestBody", {}).get("content", {}).values():
            _size_one_row(media["schema"], served, row, scales)
    return document


def row_schema(row: Input) -> Schema:
    """Return the schema of a row: an object or a list of a table, a flat or nested image."""
    if row.kind == "table":
        values = [_column(column) for column in row.columns]
        names = [column.name for column in row.columns]
        properties = dict(zip(names, values, strict=True))
        by_name = {
            "type": "object",
            "properties": properties,
            "required": names,
            "additionalProperties": False,
        }
        return {"anyOf": [by_name, _tuple(values)]}
    pixel: Schema = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
    nested = pixel
    for size in reversed(row.shape):
        nested = _list(nested, size)
    return {"anyOf": [_list(pixel, prod(row.shape)), nested]}


def scale_schema(metadata: Metadata) -> Schema:
    """Return the schema of one gate scale: a factor for each layer, in order or by name."""
    factor = {"type": "number", "minimum": 0, "maximum": MAX_SCALE}
    names = [layer.name for layer in metadata.layers]
    by_name = {
        "type": "object",
        "properties": dict.fromkeys(names, factor),
        "additionalProperties": False,
    }
    return {"anyOf": [_list(factor, len(names)), by_name]}


def example_row(metadata: Metadata) -> list[Any]:
    """Return the first golden row as a request has it.

    Categories have their names, dates are in ISO 8601, and missing values are null.
    """
    row = metadata.verification["golden"][INPUT][0]
    columns = metadata.input.columns
    if not columns:
        return list(row)
    return [_example(column, value) for column, value in zip(columns, row, strict=True)]


def _column(column: Column) -> Schema:
    if column.date is not None:
        return _date(column.date)
    if not column.categories:
        return {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST}
    booleans: list[bool] = [False, True] if column.is_boolean else []
    return {"enum": [*column.categories, *booleans, None]}


def _example(column: Column, value: float | None) -> Any:
    if value is None:
        return None
    # The schema of a date has no time of day.
    return shown_value(column, float(value if column.date is None else math.floor(value)))


def _date(date_format: str) -> Schema:
    """Return the schema of a date: a string, or a number of days."""
    form = "" if date_format == ISO else f" or as {date_format!r}"
    text = {"type": "string", "description": f"A date in ISO 8601{form}.", "format": "date"}
    days = {
        "type": "number",
        "minimum": FIRST_DAY,
        "maximum": LAST_DAY,
        "description": "Days since 1970-01-01.",
    }
    return {"anyOf": [text, days, {"type": "null"}]}


def _infer_input(general: Schema, served: Sequence[Metadata], max_rows: int) -> Schema:
    """Return the schema of an input tensor: the rows, or the gate scales."""
    rows = {"type": "integer", "minimum": 1, "maximum": max_rows}
    kinds = [
        {
            "properties": {
                "name": {"const": name},
                "shape": _tuple([rows, {"const": tensor_widths(metadata)[name]}]),
            }
        }
        for metadata in served
        for name in (INPUT, GATE_SCALE)
    ]
    return general | _either(kinds)


def _size_prediction(properties: Schema, served: Sequence[Metadata]) -> None:
    labels = [len(metadata.labels) for metadata in served]
    layers = [len(metadata.layers) for metadata in served]
    names = dict.fromkeys(label for metadata in served for label in metadata.labels)
    properties["label"]["enum"] = list(names)
    properties["probabilities"] |= {"minItems": min(labels), "maxItems": max(labels)}
    properties[GATE_MEAN] |= {"minItems": min(layers), "maxItems": max(layers)}


def _scales(scale: Schema, most: int) -> list[Schema]:
    """Return the forms of a gate scale: one, several or none."""
    several = {"type": "array", "items": scale, "minItems": 1, "maxItems": most}
    return [*scale["anyOf"], several, {"type": "null"}]


def _size_operation(operation: Schema, served: Sequence[Metadata]) -> None:
    """Name the models in the parameters."""
    names = {
        "name": [metadata.name for metadata in served],
        "version": [metadata.version for metadata in served],
    }
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in names:
            parameter["schema"]["enum"] = list(dict.fromkeys(names[parameter["name"]]))


def _size_one_row(
    schema: Schema, served: Sequence[Metadata], row: Schema, scales: list[Schema]
) -> None:
    """Size the row and the scales of a request that is described inline, not by a reference."""
    title, properties = schema.get("title"), schema.get("properties", {})
    if title in WITH_SCALES:
        properties[GATE_SCALE] = _without_union(properties[GATE_SCALE]) | {"anyOf": scales}
    if title in WITH_A_ROW:
        properties[INSTANCE] = _without_union(properties[INSTANCE]) | row
        schema["examples"] = [_example_request(title, metadata) for metadata in served]


def _example_request(title: str, metadata: Metadata) -> dict[str, Any]:
    request: dict[str, Any] = {INSTANCE: example_row(metadata)}
    if title in WITH_SCALES:
        request[GATE_SCALE] = [{}, *({layer.name: 0} for layer in metadata.layers[:1])]
    return request


def _without_union(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "anyOf"}


def _operations(document: Mapping[str, Any]) -> Iterable[Schema]:
    return (operation for path in document["paths"].values() for operation in path.values())


def _list(items: Schema, size: int) -> Schema:
    return {"type": "array", "items": items, "minItems": size, "maxItems": size}


def _tuple(items: Sequence[Schema]) -> Schema:
    size = len(items)
    return {"type": "array", "prefixItems": list(items), "minItems": size, "maxItems": size}


def _either(schemas: Iterable[Schema]) -> Schema:
    """Return the union of different schemas as one `anyOf`, or the only schema."""
    different: list[Schema] = []
    for schema in schemas:
        different += [schema] if schema not in different else []
    if len(different) == 1:
        return different[0]
    return {"anyOf": [one for schema in different for one in schema.get("anyOf", [schema])]}
