"""What is generated from the OpenAPI document, and what has to follow it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from callfs import problems

HERE = Path(__file__).parent.parent
DOCUMENT = HERE.parents[2] / "host/http/openapi.json"


def test_the_models_are_those_of_the_document(tmp_path: Path) -> None:
    pytest.importorskip("datamodel_code_generator")
    spec = importlib.util.spec_from_file_location("generate", HERE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    generator.generate(DOCUMENT, tmp_path / "models.py")
    generated = (tmp_path / "models.py").read_text()
    assert generated == generator.MODELS.read_text(), (
        "run sdk/clients/python/generate.py host/http/openapi.json"
    )


def test_every_code_has_a_class() -> None:
    codes = json.loads(DOCUMENT.read_text())["components"]["schemas"]["ProblemCode"]["enum"]
    assert sorted(problems.CLASSES) == sorted(codes)
