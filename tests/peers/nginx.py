"""A real nginx that keeps files over WebDAV."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path
from typing import Iterator

from tests.peers.environments import PeerUnavailable
from tests.peers.processes import free_port, running

_CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log access.log;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        {certificate}
        location / {{
            root "{root}";
            client_max_body_size {largest};
            dav_methods {methods};
            create_full_put_path {makes_collections};
            {rules}
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx_webdav(
    root: Path,
    prefix: Path,
    *,
    methods: str = "PUT DELETE MKCOL",
    makes_collections: bool = False,
    largest: str = "0",
    rules: str = "",
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """Serve the folder *root* with an nginx whose own files are in *prefix*.

    Args:
        root: Is read and written.
        prefix: An existing folder; gets configuration, logs and temporary files.
        methods: What may change files; ``off`` makes the server read-only.
        makes_collections: PUT makes the collections that are missing, so that
            nobody needs MKCOL.
        largest: Largest body, ``1k`` for instance; more is answered 413. ``0``
            means no limit.
        rules: Further directives of the location, such as one that wants an
            ``Authorization`` header.
        certificate: Files with the server's certificate and its key; the server
            then speaks TLS.

    Yields:
        The server's address, without a slash at its end.

    Raises:
        PeerUnavailable: nginx is not installed, or did not start.
    """
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise PeerUnavailable("nginx is not installed (Debian's package nginx has it)")
    port = free_port()
    files = certificate or ("", "")
    configuration = _CONFIGURATION.format(
        # The worker of a server that root starts could not read root's folders.
        user="user root;" if os.geteuid() == 0 else "",
        port=port,
        tls=" ssl" if certificate else "",
        certificate="ssl_certificate {}; ssl_certificate_key {};".format(*files)
        if certificate
        else "",
        root=root,
        largest=largest,
        methods=methods,
        makes_collections="on" if makes_collections else "off",
        rules=rules,
    )
    (prefix / "nginx.conf").write_text(configuration, "utf-8")
    with running(
        (program, "-p", prefix, "-c", "nginx.conf", "-e", "error.log"),
        lambda: _listening(port),
        variables={"PATH": os.defpath},
        folder=prefix,
        log=prefix / "output.log",
    ):
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"


def _listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
