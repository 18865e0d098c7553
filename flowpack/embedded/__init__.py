"""An API like that of Prefect 2.0b7, in this process, on one SQLite file.

It answers the requests that flowpack's own client sends: ``embedded_transport`` takes
them, ``api`` answers them, ``store`` runs one in a
transaction, ``migrations`` and ``catalogue`` say what a new database holds, ``files`` makes
its file.
"""

from flowpack.embedded.embedded_transport import EmbeddedTransport

__all__ = ["EmbeddedTransport"]
