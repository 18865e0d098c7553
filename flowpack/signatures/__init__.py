"""A function's parameters as JSON schema, from the source alone.

What the official client 3.9.1 sends as ``parameter_openapi_schema`` it gets by
importing the script and asking pydantic. Here nothing is imported or run::

    source -> scopes: what names stand for (evaluate: expressions; values: results)
           -> annotations (classes: fields; known_types: tables) and defaults
           -> ParameterSchema

What only running the script could tell is left open, and a note says so.
"""

from flowpack.signatures.parameters import ParameterSchema, schema_of

__all__ = ["ParameterSchema", "schema_of"]
