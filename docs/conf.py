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
    "sphinx_copybutton",
]
# Of a session the commands alone are copied.
copybutton_exclude = ".go"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"flowpack {release}"
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
smartquotes = False  # Else the two dashes of options become one.

# Every docstring is in Google's style; what a class says of its fields is said once.
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

# Every reference into flowpack must lead somewhere; other projects' pages are not asked for.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!flowpack\b).*"),
    # Types of what is handed on from one call to the next, and of arguments with several forms.
    ("py:.*", r"flowpack\.analysis\.(discovery\.FlowInfo|script\.Script)"),
    ("py:.*", r"flowpack\.deployments\.(actions\.(Deployments|Spec|Step)|spec\.FlowObject)"),
    ("py:.*", r"flowpack\.(blocks\.block\.Self|flows\.[PR]|packaging\.base\.Content)"),
    ("py:.*", r"flowpack\.(projects\.closure\.Project|schedules\.OpaqueSchedule)"),
    ("py:.*", r"flowpack\.wire\.dialect\.(Change|Dialect)"),
]


def documented_parser():
    """Return the parser of the command line, for sphinx-argparse.

    What all commands take is described once. Help texts are no reStructuredText and have to
    become some; sphinx-argparse shows no values of options.
    """
    parser = make_parser()
    _document(parser)
    return parser


def _document(parser, *, is_command=False):
    usage = parser.format_usage().partition("usage: ")[2].replace("%", "%%")
    parser.usage = usage.replace("\n       ", "\n") if is_command else usage
    if parser.epilog:
        parser.epilog = "::\n\n" + textwrap.indent(parser.epilog, "  ")
    shared = ("settings", "what is printed", "commands") if is_command else ("commands",)
    parser._action_groups = [each for each in parser._action_groups if each.title not in shared]
    for group in parser._action_groups:
        group.title = group.title.replace("positional arguments", "arguments").capitalize()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _document(command, is_command=True)
            continue
        words = re.sub(r"([*`|\\]|_\b)", r"\\\1", action.help)
        words = re.sub(r"(?<!\S)--?[a-z][a-z-]*", r"``\g<0>``", words)
        action.help, action.choices = words, None  # The words name the choices.
        if action.option_strings and action.nargs != 0:
            value = f"[{action.metavar}]" if action.nargs == "?" else action.metavar
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
        facts = f"{_join(variables)}; in TOML: {_join(keys) or 'none'}"
        facts += f"; default: {_join([default] if default else []) or 'none'}"
        meaning = textwrap.dedent(f"{' ' * 8}{meanings[name]}")
        lines += [f"``{name}``", textwrap.indent(f"{meaning}\n\nNames: {facts}.", "   "), ""]
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
    target = node.get("reftarget", "").replace("flowpack.models.Unset", "flowpack.UNSET")
    module, _, name = target.rpartition(".")
    names = (name, f"{module.rpartition('.')[2]}.{name}")  # The second is a method's.
    for each in names if node.get("refdomain") == "py" else ():
        if each.partition(".")[0] in flowpack.__all__:
            domain = env.get_domain("py")
            place = (env, node["refdoc"], app.builder, "obj", f"flowpack.{each}")
            return domain.resolve_xref(*place, node, contnode)
    return None


def show_constructor(app, what, name, obj, options, signature, returns):
    """Return the arguments of a class; their types where no "Attributes" have them."""
    if not (hasattr(obj, "__attrs_attrs__") or (signature or "").startswith("(*args")):
        return None
    from sphinx.util.inspect import stringify_signature

    found, words = inspect.signature(obj), inspect.getdoc(obj)
    if "args" in found.parameters:  # It is there to derive from, not to be called.
        return "", None
    show = not all(f"{each}:" in (words or "") for each in found.parameters)
    shown = stringify_signature(
        found.replace(return_annotation=found.empty), show, unqualified_typehints=True
    )
    return shown.replace("NOTHING", "..."), None


def keep_public_bases(app, name, cls, options, bases):
    """Show of the bases of a class those that are documented."""
    bases[:] = [each for each in bases if not each.__name__.startswith(("_", "Own", "Hides"))]


def show_dashes(app, doctree):
    """Put a dash between a field and its meaning, where autodoc has two hyphens."""
    for node in list(doctree.findall(lambda each: each == " -- ")):
        node.parent.replace(node, type(node)(" \N{EN DASH} "))


def setup(app):
    """Add the directive ``settings``, and what resolves references."""
    from sphinx.domains.python._object import PyObject
    from sphinx.util.docutils import SphinxDirective

    class SettingsDirective(SphinxDirective):
        def run(self):
            return self.parse_text_to_nodes(describe_settings())

    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.add_directive("settings", SettingsDirective)
    app.connect("autodoc-process-signature", show_constructor)
    app.connect("autodoc-process-bases", keep_public_bases)
    app.connect("doctree-read", show_dashes)
    app.connect("missing-reference", find_public_name)
