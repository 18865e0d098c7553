"""Placeholders of environment variables, alone and in files of specs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.deployments.specfiles import load_specs
from flowpack.deployments.datafiles import fill_text
from flowpack.exceptions import SpecError


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ $A }}", "1"),
        ("{{$A}}-{{  $B\n}}", "1-"),
        ("{{ $C }}", "{{ $A }}"),
        ("{{{ $A }}}", "{1}"),
        ("{{ $A | upper }} { $A } $A ${A} {{ A }} {{ a.b }} {{}}", None),
        ("", ""),
    ],
)
def test_fill_text(text, filled):
    """Only what the stock client takes for a placeholder is one, and values stay as they are."""
    environ = {"A": "1", "B": "", "C": "{{ $A }}"}
    assert fill_text(text, environ=environ) == (text if filled is None else filled, [])


def test_missing():
    """Each that is missing is a problem of its own, and the text stays."""
    text = "{{ $A }} {{ $ }} {{ $B.c }}"
    filled, problems = fill_text(text, environ={"a": "1"})
    assert filled == text
    assert problems == [
        f"{{{{ {name} }}}} is not set in the environment" for name in ("$A", "$", "$B.c")
    ]


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text()))
def test_text_without_placeholders_stays(text, environ):
    """Whatever a text is, nothing is raised, and what is no placeholder stays."""
    filled, problems = fill_text(text, environ=environ)
    assert filled == text or "{{" in text
    assert not problems or "$" in text


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_spec_files(tmp_path, monkeypatch, suffix):
    """Every text value of JSON and YAML is filled, keys and other braces are not."""
    monkeypatch.setenv("WHO", "Ada")
    document = {
        "flow_location": "{{ $WHO }}.py",
        "name": "d-{{ $WHO }}",
        "tags": ["{{$WHO}}"],
        "parameters": {"{{ $WHO }}": "{{ other }}", "x": [{"y": "{{ $WHO }}!"}]},
        "schedule": {"cron": "0 6 * * *", "timezone": "Europe/Paris"},
    }
    path = tmp_path / f"specs.{suffix}"
    path.write_text(json.dumps(document))  # Which is YAML, too.
    (spec,) = load_specs(path)
    assert spec.flow_location == f"{tmp_path}/Ada.py"
    assert (spec.name, spec.tags) == ("d-Ada", ("Ada",))
    assert spec.parameters == {"{{ $WHO }}": "{{ other }}", "x": [{"y": "Ada!"}]}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_missing_in_spec_files(tmp_path, suffix):
    """The error has the line and the place, and all are said at once."""
    path = tmp_path / f"specs.{suffix}"
    path.write_text(
        '{"flow_location": "f.py",\n "name": "{{ $NOT_SET }}",\n'
        ' "parameters": {"x":\n ["{{ $NOR_THIS }}"]}}'
    )
    with pytest.raises(SpecError) as caught:
        load_specs(path)
    assert caught.value.problems == (
        "line 2: name: {{ $NOT_SET }} is not set in the environment",
        "line 4: parameters.x[0]: {{ $NOR_THIS }} is not set in the environment",
    )


def test_placeholders_without_quotes(tmp_path):
    """In YAML they begin a mapping; the error says to put them in quotes."""
    path = tmp_path / "specs.yaml"
    path.write_text("flow_location: f.py\nname: {{ $WHO }}\n")
    with pytest.raises(SpecError) as caught:
        load_specs(path)
    assert "line 2: name: a key is a mapping; keys are text, in quotes as in '{{ $NAME }}'" in str(
        caught.value
    )
