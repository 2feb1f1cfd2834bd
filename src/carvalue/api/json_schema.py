"""JSON schemas of the contract's types: field descriptions come from their docstrings."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Json = Mapping[str, object]
REFERENCE = "#/components/schemas/{name}"


def ref(name: str) -> Json:
    """Refer to a named schema of the document.

    Args:
        name: its name.

    Returns:
        A JSON schema.

    >>> ref("Quote")
    {'$ref': '#/components/schemas/Quote'}
    """
    return {"$ref": REFERENCE.format(name=name)}


def list_of(schema: Json) -> dict[str, object]:
    """Describe a list.

    Args:
        schema: of each item.

    Returns:
        A JSON schema.
    """
    return {"type": "array", "items": schema}


def schemas_of(types: Sequence[type]) -> dict[str, Json]:
    """Describe types, and all types of their fields.

    Args:
        types: structs; the section `Attributes` of a docstring describes the fields.

    Returns:
        Name -> JSON schema.

    >>> class Point(msgspec.Struct):
    ...     '''A place.
    ...
    ...     Attributes:
    ...         x: To the right.
    ...     '''
    ...     x: int
    >>> schemas_of([Point])["Point"]["properties"], schemas_of([Point])["Point"]["description"]
    ({'x': {'type': 'integer', 'description': 'To the right.'}}, 'A place.')
    """
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    return {name: _described(schema) for name, schema in components.items()}


def _described(schema: dict[str, Any]) -> Json:
    text, _, attributes = str(schema.get("description", "")).partition("Attributes:")
    fields = _attributes(attributes)
    properties = {
        name: _simple(value) | ({"description": fields[name]} if name in fields else {})
        for name, value in schema.get("properties", {}).items()
    }
    described = {**schema, "description": " ".join(text.split())}
    return {**described, "properties": properties} if properties else described


def _attributes(section: str) -> dict[str, str]:
    """Read `name: text` from the section of a docstring; further lines of a text are indented more."""
    items = re.findall(r"^ +(\w+): (.*(?:\n {9,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in items}


def _simple(schema: dict[str, Any]) -> dict[str, Any]:
    """Write one schema as OpenAPI generators expect it: a reference alone, a constant, null as a type."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if "anyOf" in schema:
        plain = [item["type"] for item in schema["anyOf"] if set(item) == {"type"}]
        if len(plain) == len(schema["anyOf"]):
            return {"type": plain}
        return {"oneOf": [_simple(item) for item in schema["anyOf"]]}
    if len(schema.get("enum", ())) == 1:
        (value,) = schema["enum"]
        return {"type": "boolean" if isinstance(value, bool) else "string", "const": value}
    if "enum" in schema:
        return {"type": "string", **schema}
    return schema
