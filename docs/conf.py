"""How Sphinx builds the documentation: ``sphinx-build -W docs docs/_build``."""

import argparse
import inspect
import re
import textwrap

import flowpack
from flowpack.cli.commands import make_parser
from flowpack.settings import Settings, values

project = "flowpack"
author = "The flowpack developers"
copyright = author
release = version = flowpack.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxarg.ext",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"flowpack {release}"
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"

# Every docstring is in Google's style; what a class says of its fields is said once.
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# Every reference into flowpack must lead somewhere; other projects' pages are not asked for.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!flowpack\b).*")]


def documented_parser():
    """Return the parser of the command line, for sphinx-argparse.

    What all commands take is described once; help texts are text, not reStructuredText.
    """
    parser = make_parser()
    _document(parser)
    return parser


def _document(parser, shared=()):
    parser.usage = parser.format_usage().partition("usage: ")[2].replace("%", "%%")
    if parser.epilog:
        parser.epilog = "::\n\n" + textwrap.indent(parser.epilog, "  ")
    parser._action_groups = [each for each in parser._action_groups if each.title not in shared]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _document(command, ("settings", "what is printed"))
        elif action.help:
            action.help = re.sub(r"([*`|\\]|_\b)", r"\\\1", action.help)
        if action.option_strings and action.nargs != 0:
            value = action.metavar or action.dest.upper()
            value = f"[{value}]" if action.nargs == "?" else value
            action.option_strings = [f"{name} {value}" for name in action.option_strings]


def describe_settings():
    """Return each setting with its meaning, its names and its default, as reStructuredText."""
    meanings = inspect.getdoc(Settings).partition("Attributes:\n")[2]
    meanings = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", meanings, re.MULTILINE))
    lines = []
    for name, setting in _settings():
        variables = [each for each in setting.names if each.isupper()]
        keys = [each for each in setting.names if not each.isupper()]
        default = values.format_value(setting.default)
        lines += [
            f"``{name}``",
            textwrap.indent(textwrap.dedent(f"{' ' * 8}{meanings[name]}"), "   "),
            "",
            f"   :Variables: {_join(variables)}",
            f"   :In TOML: {_join(keys) or 'no'}",
            f"   :Default: {_join([default] if default else []) or 'none'}",
            "",
        ]
    return "\n".join(lines)


def _settings():
    """Yield the name and the names elsewhere of each setting."""
    for field in Settings.__attrs_attrs__:
        if "setting" in field.metadata:
            yield field.name, field.metadata["setting"]


def _join(names):
    return ", ".join(f"``{each}``" for each in names)


def find_public_name(app, env, node, contnode):
    """Resolve a reference to where something is defined to where it is documented."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    names = (name, f"{module.rpartition('.')[2]}.{name}")  # The second is a method's.
    for each in names if node.get("refdomain") == "py" else ():
        if each.partition(".")[0] in flowpack.__all__:
            domain = env.get_domain("py")
            place = (env, node["refdoc"], app.builder, node["reftype"], f"flowpack.{each}")
            return domain.resolve_xref(*place, node, contnode)
    return None


def setup(app):
    """Add the directive ``settings``, and what resolves references."""
    from sphinx.util.docutils import SphinxDirective

    class SettingsDirective(SphinxDirective):
        def run(self):
            return self.parse_text_to_nodes(describe_settings())

    app.add_directive("settings", SettingsDirective)
    app.connect("missing-reference", find_public_name)
