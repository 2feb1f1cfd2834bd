"""JSON schemas of a listing, built from the listing schema."""

from carvalue.api.json_schema import Json
from carvalue.listings import (
    ALIASES,
    FIELD_BY_NAME,
    FIELDS,
    MAX_TEXT,
    REQUIRED_FIELDS,
    CategoryField,
    Field,
    NumberField,
)

# characters that are not printable, except white space; Unicode has more than a pattern should list
_CONTROL = "\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\\xad"
PRINTABLE = f"^[^{_CONTROL}]*$"
BLANK = r"^\s*$"
NOT_BLANK = f"^[^\\s{_CONTROL}][^{_CONTROL}]*$"


def listing_schema() -> Json:
    """Describe a listing in a request.

    Returns:
        A JSON schema, derived from the fields of the listing schema.

    >>> listing_schema()["properties"]["year"]["type"], listing_schema()["properties"]["odometer"]["type"]
    (['integer'], ['integer', 'string', 'null'])
    """
    once = [name for name in REQUIRED_FIELDS if name not in ALIASES.values()]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": once,
        "allOf": [_one_of(alias, name) for alias, name in ALIASES.items()],
        "properties": {field.name: _property(field) for field in FIELDS} | _aliases(),
    }


def _aliases() -> dict[str, Json]:
    return {
        alias: {
            **_property(FIELD_BY_NAME[name]),
            "description": f"The same as `{name}`; send one of the two.",
        }
        for alias, name in ALIASES.items()
    }


def _one_of(alias: str, name: str) -> Json:
    """Allow one of two properties, not both. With `oneOf`, generators of clients make two classes of it."""
    required = [name] if name in REQUIRED_FIELDS else []
    return {
        "if": {"required": [alias]},
        "then": {"properties": {name: False}},
        "else": {"properties": {alias: False}, "required": required},
    }


def stored_listing_schema() -> dict[str, object]:
    """Describe a listing in an answer: the fields that it has, none of them with an alias.

    Returns:
        A JSON schema.
    """
    number = {"type": ["integer", "null"]}
    properties = {
        field.name: number if isinstance(field, NumberField) else {"type": ["string", "null"]}
        for field in FIELDS
    }
    return {"type": "object", "properties": properties}


def _property(field: Field) -> Json:
    description = field.help
    if isinstance(field, NumberField):
        description += " A text is read as people type numbers: `80,000`, `80k`."
    return {"type": _types(field), "title": field.label, "description": description, **_limits(field)}


def _types(field: Field) -> list[str]:
    if not isinstance(field, NumberField):
        return ["string"] if field.required else ["string", "null"]
    return ["integer"] if field.required else ["integer", "string", "null"]  # the string: blank text


def _limits(field: NumberField | CategoryField) -> dict[str, object]:
    if isinstance(field, NumberField):
        blank = {} if field.required else {"pattern": BLANK}
        return {"minimum": field.minimum, "maximum": field.maximum, **blank}
    if field.is_open:
        return {"maxLength": MAX_TEXT, "pattern": NOT_BLANK if field.required else PRINTABLE}
    return {"enum": [*field.choices, *(() if field.required else (None,))]}
