"""An API and a storage of the test's own, each behind a proxy that can fail."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import attrs

from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client
from flowpack.client import Client
from flowpack.deployments.actions import Deployed
from flowpack.embedded import EmbeddedTransport
from tests.blocks.servers import FileServer
from tests.clients import SCRIPT
from tests.fault_proxy import Fault, FaultProxy
from tests.http_server import serve
from tests.trust.invariants import State, problems, state_of


@attrs.define
class World:
    """What a deploy over HTTP meets.

    Attributes:
        script: What is deployed; change its bytes to redeploy others.
        database: That of the embedded API which answers behind a socket.
        files: The server that keeps the objects.
        api: The proxy before the API.
        store: The proxy before the objects.
        deployed: Every content that was deployed.
    """

    script: Path
    database: Path
    files: FileServer
    api: FaultProxy
    store: FaultProxy
    deployed: List[bytes] = attrs.field(factory=list)

    @property
    def storage(self) -> FileStorageBlock:
        """The storage block that clients are given."""
        return FileStorageBlock(f"{self.store.url}/dav")

    def client(self, **options: Any) -> Client:
        """Return a client made from the settings, as the command line makes it."""
        return get_client(f"{self.api.url}/api", **options)

    def deploy(self, confirm: bool = False, **fields: Any) -> Deployed:
        """Deploy the script as it is now."""
        self.deployed.append(self.script.read_bytes())
        fields.setdefault("name", "first")
        fields.setdefault("flow_storage", self.storage)
        spec = DeploymentSpec(flow_location=self.script, **fields)
        with self.client() as client:
            return deploy(spec, client, confirm=confirm)[0]

    def requests(self) -> List[Tuple[FaultProxy, str]]:
        """Return proxy, method and target of all requests, in order of time."""
        seen = [
            (each, proxy) for proxy in (self.api, self.store) for each in proxy.seen
        ]
        seen.sort(key=lambda pair: pair[0].at)
        return [(proxy, f"{each.method} {each.target}") for each, proxy in seen]

    def forget_requests(self) -> None:
        """Start the log of requests anew."""
        self.api.seen.clear()
        self.store.seen.clear()

    def state(self) -> State:
        """Return what API and storage hold."""
        prefix = "/dav/"
        objects = {path[len(prefix) :]: data for path, data in self.files.files.items()}
        return state_of(self.database, objects)

    def check(self, counts: Optional[Tuple[int, int, int, int]] = None) -> None:
        """Assert the invariants, and if given how many things there are."""
        state = self.state()
        assert problems(state, self.deployed) == []
        if counts is not None:
            assert state.counts == counts


@attrs.frozen
class Place:
    """One request of a deploy: the how many-th at which proxy.

    Attributes:
        proxy: ``api`` or ``store``.
        index: How many requests came to that proxy before it.
        method: Its method.
        path: Its path without what differs from run to run.
    """

    proxy: str
    index: int
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def in_storage(self) -> bool:
        """Whether the request goes to the storage."""
        return self.proxy == "store"

    def break_with(self, world: World, *faults: Fault) -> FaultProxy:
        """Let *faults* happen here, one attempt after the other."""
        proxy: FaultProxy = getattr(world, self.proxy)
        proxy.plan.clear()
        proxy.plan.extend([None] * self.index + list(faults))
        return proxy


#: What a first deploy asks for, in order; a test sees that it is so.
PLACES = (
    Place("api", 0, "GET", "/api/admin/version"),
    Place("api", 1, "GET", "/api/deployments/name/hello/first"),
    Place("store", 0, "HEAD", "/dav/KEY"),
    Place("store", 1, "PUT", "/dav/KEY"),
    Place("store", 2, "HEAD", "/dav/KEY"),
    Place("store", 3, "HEAD", "/dav/KEY"),
    Place("api", 2, "POST", "/api/flows/"),
    Place("api", 3, "GET", "/api/block_schemas/checksum/SUM"),
    Place("api", 4, "POST", "/api/block_documents/"),
    Place("api", 5, "POST", "/api/deployments/"),
)

WRITES = tuple(place for place in PLACES if place.method in ("POST", "PUT"))


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run the servers and their proxies for the time of a ``with`` block."""
    script = folder / "hello.py"
    script.write_text(SCRIPT)
    database = folder / "api" / "flowpack.db"
    files = FileServer()
    files.folders.add("/dav/")
    thread = threading.Thread(target=files.serve_forever, args=(0.02,))
    thread.start()
    transport = EmbeddedTransport(database)
    try:
        with serve(transport) as url:
            port = int(url.split(":")[2].split("/")[0])
            with FaultProxy(("127.0.0.1", port)) as api:
                with FaultProxy(("127.0.0.1", files.server_port)) as store:
                    yield World(script, database, files, api, store)
    finally:
        transport.close()
        files.shutdown()
        thread.join()
        files.server_close()
