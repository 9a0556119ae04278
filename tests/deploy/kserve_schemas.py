"""JSON schemas of KServe's resources, from the classes that KServe generates of its own schema.

The classes are read, not imported: they are part of a server with dozens of dependencies. Their
fields of Kubernetes' own types refer to the strict schemas in `kubernetes-validate`.
"""

import ast
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from referencing import Registry, Resource

from tests.deploy.manifests import PROGRAMS, Manifest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Schema = dict[str, Any]

MODELS = PROGRAMS / "kserve" / "models"
KUBERNETES_VERSION = "1.35"
GROUP = "serving.kserve.io"
SIMPLE = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
}
# Where KServe's name of a Kubernetes type does not follow from its group and version.
OTHERS = {
    "ResourceQuantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "V1ObjectMeta": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
}
ABSENT: Schema = {"not": {}}  # a type that neither package has: a field of it is refused


def errors(manifest: Manifest) -> list[str]:
    """Return what KServe's schema of this kind refuses, with unknown fields."""
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in _validator(manifest["apiVersion"], manifest["kind"]).iter_errors(manifest)
    ]


@cache
def _validator(api_version: str, kind: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator  # slow; most workers of the tests need none of it

    group, version = api_version.split("/")
    name = version[0].upper() + version[1:] + kind
    assert group == GROUP, f"expected a resource of {GROUP}, found {api_version}"
    assert name in _classes(), f"expected a kind that KServe has, found {kind} of {api_version}"
    resource = _schema(_classes()[name])
    del resource["properties"]["status"]  # KServe's own
    resource["properties"]["apiVersion"] = {"const": api_version}
    resource["properties"]["kind"] = {"const": kind}
    resource["required"] = ["apiVersion", "kind", "metadata", "spec"]
    definitions = {name: resource}
    while missing := _references(definitions) - set(definitions):
        definitions.update({each: _schema(_classes()[each]) for each in missing})
    return Draft202012Validator(
        {"$ref": f"#/$defs/{name}", "$defs": definitions}, registry=_kubernetes()
    )


def _references(definitions: dict[str, Schema]) -> set[str]:
    return set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(definitions)))


@cache
def _classes() -> dict[str, ast.ClassDef]:
    if not MODELS.is_dir():
        pytest.skip("KServe's models are not installed; install them with `make kubectl`")
    return {
        node.name: node
        for path in sorted(MODELS.glob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }


@cache
def _kubernetes() -> Registry[Any]:
    folder = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
    content = json.loads(
        (folder / f"v{KUBERNETES_VERSION}.0-local-strict" / "_definitions.json").read_text()
    )
    empty: Registry[Any] = Registry()
    registry: Registry[Any] = empty.with_resource("kubernetes", Resource.from_contents(content))
    return registry


@cache
def _kubernetes_names() -> dict[str, str]:
    """Return Kubernetes' definitions by KServe's names of them, such as `V1Container`."""
    found = OTHERS.copy()
    for name in _kubernetes().contents("kubernetes")["$defs"]:
        if match := re.fullmatch(r"io\.k8s\.api\.(\w+)\.v(\w+)\.(\w+)", name):
            group, version, kind = match.groups()
            found[f"K8sIoApi{group.capitalize()}V{version}{kind}"] = name
            if group == "core":
                found[f"V{version}{kind}"] = name
    return found


def _schema(definition: ast.ClassDef) -> Schema:
    """Translate a class; a constructor sets the required fields unconditionally."""
    dictionaries = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in definition.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    types, names = dictionaries["openapi_types"], dictionaries["attribute_map"]
    (constructor,) = (
        node
        for node in definition.body
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    required = [
        node.targets[0].attr
        for node in constructor.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    ]
    return {
        "type": "object",
        "properties": {names[field]: _type(name) for field, name in types.items()},
        "required": [names[field] for field in required if field in names],
        "additionalProperties": False,
    }


def _type(name: str) -> Schema:
    if match := re.fullmatch(r"list\[(.+)\]", name):
        return {"type": "array", "items": _type(match[1])}
    if match := re.fullmatch(r"dict\(str, (.+)\)", name):
        return {"type": "object", "additionalProperties": _type(match[1])}
    if name in SIMPLE:
        return SIMPLE[name]
    if name in _classes():
        return {"$ref": f"#/$defs/{name}"}
    kubernetes = _kubernetes_names().get(name)
    return {"$ref": f"kubernetes#/$defs/{kubernetes}"} if kubernetes else ABSENT
