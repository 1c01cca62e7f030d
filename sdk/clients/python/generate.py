#!/usr/bin/env python3
"""Generates src/callfs/models.py from the OpenAPI document.

usage: generate.py DOCUMENT [OUTPUT]

Needs datamodel-code-generator as in requirements-test.txt. Limits such as patterns and maximums are
left out: the gateway checks what it is sent, and a client that checks answers breaks for nothing
once a gateway answers more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODELS = HERE / "src/callfs/models.py"
HEADER = '"""Generated from the OpenAPI document by generate.py; do not edit."""\n'
LIMITS = ("pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def without_limits(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """A schema with its types alone. `properties` has names of fields, which may be the same."""
    if isinstance(schema, list):
        return [without_limits(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: value
        for name, value in schema.items()
        if name not in LIMITS or isinstance(value, dict)
    }
    return {name: without_limits(value) for name, value in kept.items()}


def generate(document: Path, output: Path) -> None:
    described = json.loads(document.read_text())
    schemas = without_limits(described["components"]["schemas"])
    minimal = {
        "openapi": described["openapi"],
        "info": {"title": "callfs", "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "openapi.json"
        plain.write_text(json.dumps(minimal))
        command = [
            *(sys.executable, "-m", "datamodel_code_generator"),
            *("--input", str(plain), "--input-file-type", "openapi"),
            *("--openapi-scopes", "schemas", "--output", str(output)),
            *("--output-model-type", "dataclasses.dataclass"),
            *("--dataclass-arguments", '{"frozen": true, "kw_only": true, "slots": true}'),
            *("--target-python-version", "3.10", "--output-datetime-class", "datetime"),
            *("--enum-field-as-literal", "all", "--keep-model-order"),
            *("--use-union-operator", "--use-standard-collections"),
            *("--use-schema-description", "--use-field-description"),
            *("--use-attribute-docstrings", "--use-inline-field-description"),
            *("--use-single-line-docstring", "--formatters", "ruff-format"),
            *("--custom-file-header", HEADER),
        ]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    generate(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else MODELS)
