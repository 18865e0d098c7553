"""An API like that of Prefect 2.0b7, in this process, on one SQLite file.

It answers the requests that flowpack's own client sends, and no others. A new database holds
the block types of a new 2.0b7 server.
"""

from flowpack.embedded.embedded_transport import EmbeddedTransport

__all__ = ["EmbeddedTransport"]
