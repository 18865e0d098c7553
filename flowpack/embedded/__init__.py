"""An API of Prefect 2.0b7's kind, in process, on one SQLite file.

For work without a server: the same endpoints, statuses and bodies for all that
flowpack calls. ``app`` answers requests, by the table in ``routes``; ``checks``,
``bodies`` and ``filters`` say what a request may hold; ``flows``, ``blocks``,
``deployments`` and ``flow_runs`` do what it asks; ``store`` is SQLite.
"""

from flowpack.embedded.app import EmbeddedTransport

__all__ = ["EmbeddedTransport"]
