"""What all endpoints have in common: paths, bodies, versions, refusals."""

from __future__ import annotations

import pytest

from tests.contract.api import nobody, problems, unique

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/health", True), ("/hello", "👋"), ("/admin/version", "2.0b7")],
)
def test_service(api, path, answer):
    """The service endpoints answer with constants."""
    assert api.call("GET", path) == (200, answer)


@pytest.mark.parametrize(
    "path",
    ["/nope", "/", "/flows/a/b", "/flows/name/a%2Fb", "/deployments/name/x", "//"],
)
def test_unknown_paths(api, path):
    """A path that is nobody's is not found, whatever it decodes to."""
    assert api.call("GET", path) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/flows/", "POST"),
        ("PUT", "/flows/", "POST"),
        ("DELETE", "/hello", "GET"),
        ("POST", "/block_schemas/checksum/x", "GET"),
    ],
)
def test_unknown_methods(api, method, path, allowed):
    """A path of other methods says which."""
    answer = api.send(method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/flows", "/flows/"),
        ("/flows?x=1", "/flows/?x=1"),
        ("/hello/", "/hello"),
        ("/flows/name/", "/flows/name"),
        ("/block_types/name/a%20b/", "/block_types/name/a%20b"),
    ],
)
def test_slashes_at_the_end(api, path, location):
    """A slash too many or too few is pointed out, and no more."""
    answer = api.send("GET", path)
    assert (answer.status, answer.body) == (307, b"")
    assert answer.headers["location"].endswith(location)


def test_words_beside_endpoints_are_ids(api):
    """What is an endpoint of POST only is taken for an id by GET."""
    status, answer = api.call("GET", "/flows/filter")
    assert status == 422
    assert problems(answer) == [(("path", "id"), "type_error.uuid")]


@pytest.mark.parametrize(
    "spelling", ["{upper}", "{hex}", "%7B{hex}%7D", "urn:uuid:{hex}"], ids=str
)
def test_spellings_of_ids(api, spelling):
    """An id is known in every spelling that Python reads."""
    flow = api.flow()
    plain = flow["id"].replace("-", "")
    path = spelling.format(upper=flow["id"].upper(), hex=plain)
    assert api.call("GET", f"/flows/{path}") == (200, flow)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("0.6.0", 200),
        ("", 200),
        (" ", 200),
        ("0.6.1", 400),
        ("0.5.9", 400),
        ("0.7.0", 400),
        ("1.6.0", 400),
        ("0.6", 400),
        ("abc", 400),
        ("0.6.0.1", 400),
    ],
)
def test_api_version(api, version, status):
    """Only clients of the same major and minor version are served."""
    headers = {"X-PREFECT-API-VERSION": version}
    assert api.call("GET", "/hello", headers=headers)[0] == status
    assert api.call("GET", "/health", headers=headers) == (200, True)


def test_version_is_checked_before_the_body(api):
    """A client of another version learns that first."""
    headers = {"X-PREFECT-API-VERSION": "0.7.0"}
    assert api.call("POST", "/flows/", json={}, headers=headers) == (
        400,
        {
            "detail": "Request specified API version 0.7.0 but this server only"
            " supports version 0.6.0 and below."
        },
    )


def test_syntax_is_checked_before_the_version(api):
    """What is no JSON is refused first of all."""
    headers = {"X-PREFECT-API-VERSION": "0.7.0"}
    assert api.call("POST", "/flows/", text="{", headers=headers)[0] == 422


@pytest.mark.parametrize("text", ["", "null"])
def test_missing_bodies(api, text):
    """A body that must be there is asked for as a whole."""
    status, answer = api.call("POST", "/flows/", text=text)
    assert (status, problems(answer)) == (422, [(("body",), "value_error.missing")])
    assert answer["request_body"] is None


@pytest.mark.parametrize("text", ["[]", '"x"', "5", "[1, 2]"])
def test_bodies_that_are_no_objects(api, text):
    """What is no object has none of the fields."""
    status, answer = api.call("POST", "/flows/", text=text)
    assert status == 422
    assert problems(answer) == [(("body", "name"), "value_error.missing")]


def test_broken_json(api):
    """What is no JSON is refused with the place of the mistake."""
    status, answer = api.call("POST", "/flows/", text='{"name": "x",]')
    assert status == 422
    assert problems(answer) == [(("body", 13), "value_error.jsondecode")]
    assert answer["exception_detail"][0]["ctx"]["pos"] == 13
    assert answer["request_body"] == '{"name": "x",]'


def test_deep_nests(api):
    """A body too deep to read is refused."""
    status, answer = api.call("POST", "/flows/", text="[" * 100_000)
    assert (status, answer) == (400, {"detail": "There was an error parsing the body"})


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("APPLICATION/JSON; charset=utf-8", 201),
        ("application/vnd.api+json", 201),
        ("text/plain", 422),
        ("application/octet-stream", 422),
    ],
)
def test_content_types(api, kind, status):
    """A body is JSON only where the header says so."""
    body, headers = {"name": unique("flow")}, {"content-type": kind}
    assert api.call("POST", "/flows/", json=body, headers=headers)[0] == status


@pytest.mark.parametrize(
    "parameters", ['{"x": NaN}', '{"x": 1e999}', '{"x": "\\ud800"}'],
)
def test_values_without_json(api, parameters):
    """A value that JSON or UTF-8 cannot say breaks the request; nothing is kept."""
    flow, name = api.flow(), unique("deployment")
    body = (
        f'{{"name": "{name}", "flow_id": "{flow["id"]}", "parameters": {parameters},'
        '"flow_data": {"encoding": "text", "blob": "x"}}'
    )
    answer = {"exception_message": "Internal Server Error"}
    assert api.call("POST", "/deployments/", text=body) == (500, answer)
    assert api.call("GET", f"/deployments/name/{flow['name']}/{name}")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        (
            "PATCH",
            "/flows/x",
            {"name": "y"},
            [
                (("body", "name"), "value_error.extra"),
                (("path", "id"), "type_error.uuid"),
            ],
        ),
        (
            "POST",
            "/deployments/x/create_flow_run",
            None,
            [
                (("body",), "value_error.missing"),
                (("path", "id"), "type_error.uuid"),
            ],
        ),
    ],
    ids=["field", "no-body"],
)
def test_path_and_body_are_checked_together(api, method, path, body, expected):
    """All that is wrong with a request is told at once."""
    status, answer = api.call(method, path, json=body)
    assert (status, problems(answer)) == (422, expected)


@pytest.mark.parametrize(
    "path",
    [
        "/flows/filter",
        "/deployments/filter",
        "/block_types/filter",
        "/block_schemas/filter",
        "/block_documents/filter",
    ],
)
class TestLists:
    """What the five lists have in common."""

    @pytest.mark.parametrize("limit", [201, 500, "1000"])
    def test_limit_above_200(self, api, path, limit):
        """More than 200 rows are not to be had, and that is said first."""
        detail = "Invalid limit: must be less than or equal to 200."
        body = {"limit": limit, "offset": -1}
        assert api.call("POST", path, json=body) == (422, {"detail": detail})

    def test_limit_below_0(self, api, path):
        """Less than no rows are not to be had."""
        detail = "Invalid limit: must be greater than or equal to 0."
        assert api.call("POST", path, json={"limit": -1}) == (422, {"detail": detail})

    def test_limit_0(self, api, path):
        """No rows at all may be asked for."""
        assert api.call("POST", path, json={"limit": 0}) == (200, [])

    def test_negative_offset(self, api, path):
        """Nothing is before the first row."""
        status, answer = api.call("POST", path, json={"offset": -1})
        expected = [(("body", "offset"), "value_error.number.not_ge")]
        assert (status, problems(answer)) == (422, expected)

    @pytest.mark.parametrize(
        "body",
        [{}, None, {"limit": None, "offset": None}, {"zz": 1, "limit": "2"}],
        ids=["empty", "null", "nulls", "unknown-key"],
    )
    def test_default_limit(self, api, path, body):
        """Nothing needs to be given; null is nothing; unknown keys are ignored."""
        status, rows = api.call("POST", path, json=body)
        assert status == 200
        assert len(rows) <= 200

    def test_no_body(self, api, path):
        """No body is as good as an empty one."""
        assert api.call("POST", path)[0] == 200

    def test_body_that_is_no_object(self, api, path):
        """What is no object lacks all parts, whether they are needed or not."""
        status, answer = api.call("POST", path, text="[]")
        assert status == 422
        assert (("body", "limit"), "value_error.missing") in problems(answer)
        assert {kind for _, kind in problems(answer)} == {"value_error.missing"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/flows/{}", {"detail": "Flow not found"}),
        ("/flow_runs/{}", {"detail": "Flow run not found"}),
        ("/deployments/{}", {"detail": "Deployment not found"}),
        ("/block_types/{}", {"detail": "Block type not found"}),
        ("/block_schemas/{}", {"detail": "Block schema not found"}),
        ("/block_documents/{}", {"message": "Block document not found"}),
    ],
)
def test_missing_objects(api, path, answer):
    """What is not there is not found, in each object's own words."""
    assert api.call("GET", path.format(nobody())) == (404, answer)
    status, refused = api.call("GET", path.format("x"))
    expected = [(("path", "id"), "type_error.uuid")]
    assert (status, problems(refused)) == (422, expected)
