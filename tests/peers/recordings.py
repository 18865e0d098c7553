"""Plays recorded exchanges to a server and compares the answers.

The recordings were taken between the reference's own client and server. Ids, times
and made-up names differ in each run; an id of the recording stands for the one that
took its place.
"""

from __future__ import annotations

import http.client
import json
import re
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional
from urllib.parse import quote, urlsplit

import attrs

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.json"))

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")
ANONYMOUS = re.compile(r"anonymous:[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d")
#: Free prose, left out of the recordings.
PROSE = "${DESCRIPTION}"


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Dict[str, str]


@attrs.frozen
class Api:
    """The API of a server at *url*, over plain HTTP without any of flowpack's own."""

    url: str

    def send(
        self,
        method: str,
        target: str,
        *,
        headers: Optional[Dict[str, str]] = None,
        text: Optional[str] = None,
        **json_body: Any,
    ) -> Answer:
        """Send a request: with ``json``, with raw *text*, or without a body."""
        body = text
        if json_body:
            body = json.dumps(json_body["json"], separators=(",", ":"))
        kinds = {} if body is None else {"content-type": "application/json"}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.request(
                method,
                parts.path + target,
                None if body is None else body.encode(),
                {**kinds, **(headers or {})},
            )
            answer = connection.getresponse()
            names = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, answer.read(), names)
        finally:
            connection.close()

    def done(self, method: str, target: str, **body: Any) -> Any:
        """Send a request that must succeed; return the JSON of the answer."""
        answer = self.send(method, target, **body)
        assert answer.status in (200, 201, 204), (method, target, answer)
        return json.loads(answer.body) if answer.body else None


class Replay:
    """One recording on its way through an API."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.recording = json.loads((DATA / f"{name}.json").read_text("utf-8"))
        mark = f"run-{uuid.uuid4().hex[:12]}"
        #: Texts of the recording to what stands for them here.
        self.here = {
            own_name: f"{mark}-{own_name.strip('${}')}"
            for own_name in self.recording["own_names"]
        }

    def run(self) -> List[str]:
        """Play it all; return what differs."""
        self._prepare(**self.recording.get("given", {}))
        differences: List[str] = []
        for number, exchange in enumerate(self.recording["exchanges"], 1):
            found = self._play(exchange)
            where = f"{number} {exchange['method']} {exchange['path']}"
            differences += [f"{where}: {difference}" for difference in found]
        return differences

    def _prepare(self, flows: Any = (), documents: Any = ()) -> None:
        """Make what the recording's server had before."""
        for flow in flows:
            self.api.done("POST", "/flows/", json=self._translate({"name": flow}))
        for document in documents:
            schema = self.api.done(
                "GET", f"/block_schemas/checksum/{document['checksum']}"
            )
            body = {
                "name": self._translate(document["name"]),
                "data": self._translate(document["data"]),
                "block_schema_id": schema["id"],
                "block_type_id": schema["block_type_id"],
            }
            made = self.api.done("POST", "/block_documents/", json=body)
            self.here[document["id"]] = made["id"]

    def _play(self, exchange: Any) -> List[str]:
        path = exchange["path"]
        for there, here in self.here.items():
            path = path.replace(quote(there, safe=":"), quote(here, safe=":"))
        body = {
            kind: self._translate(value)
            for kind, value in (exchange.get("body") or {}).items()
        }
        headers = exchange.get("headers")
        answer = self.api.send(exchange["method"], path, headers=headers, **body)
        if answer.status != exchange["status"]:
            return [f"answered {answer.status}, not {exchange['status']}"]
        location = answer.headers.get("location", "")
        if not location.endswith(exchange.get("location", "")):
            return [f"points at {location}, not {exchange['location']}"]
        if "answer" not in exchange:
            return [f"has a body: {answer.body!r}"] if answer.body else []
        return self._compare(exchange["answer"], json.loads(answer.body), "answer")

    def _translate(self, value: Any) -> Any:
        text = json.dumps(value, ensure_ascii=False)
        for there, here in self.here.items():
            text = text.replace(there, here)
        return json.loads(text)

    def _compare(self, recorded: Any, found: Any, where: str) -> List[str]:
        if isinstance(recorded, dict) and isinstance(found, dict):
            return self._compare_objects(recorded, found, where)
        if isinstance(recorded, list) and isinstance(found, list):
            return self._compare_lists(recorded, found, where)
        if isinstance(recorded, str) and isinstance(found, str):
            return self._compare_texts(recorded, found, where)
        if type(recorded) is type(found) and (
            recorded == found or "estimated" in where
        ):
            return []
        return [f"{where} is {found!r}, not {recorded!r}"]

    def _compare_objects(self, recorded: Any, found: Any, where: str) -> List[str]:
        if recorded.keys() != found.keys():
            return [f"{where} has {sorted(found)}, not {sorted(recorded)}"]
        if where == "answer[0]" and recorded["id"] not in self.here:
            return []  # Something that this server had before.
        made_up = {"name"} if "state_id" in recorded else set()
        return [
            difference
            for key in recorded.keys() - made_up
            for difference in self._compare(
                recorded[key], found[key], f"{where}.{key}"
            )
        ]

    def _compare_lists(self, recorded: Any, found: Any, where: str) -> List[str]:
        if where.endswith("exception_detail"):
            recorded, found = (
                sorted(details, key=lambda detail: json.dumps(detail["loc"]))
                for details in (recorded, found)
            )
        elif where == "answer":
            recorded, found = recorded[:1], found[:1]
        if len(recorded) != len(found):
            return [f"{where} has {len(found)} items, not {len(recorded)}"]
        return [
            difference
            for index, pair in enumerate(zip(recorded, found))
            for difference in self._compare(*pair, f"{where}[{index}]")
        ]

    def _compare_texts(self, recorded: str, found: str, where: str) -> List[str]:
        if recorded == PROSE:
            return [] if found else [f"{where} is empty"]
        expected = self._translate(recorded)
        if expected == found:
            return []
        for pattern in (UUID, CHECKSUM, ANONYMOUS):
            if pattern.fullmatch(found) and pattern.fullmatch(expected):
                is_new = recorded not in self.here
                self.here.setdefault(recorded, found)
                return [] if is_new else [f"{where} is {found}, not {expected}"]
        if TIME.fullmatch(found) and TIME.fullmatch(expected):
            return []
        return [f"{where} is {found!r}, not {expected!r}"]
