"""How Sphinx builds the documentation: ``sphinx-build -W docs docs/_build``."""

from flowpack import __version__

project = "flowpack"
author = "The flowpack developers"
copyright = author
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxarg.ext",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"flowpack {release}"
