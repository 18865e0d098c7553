"""Schedules of deployments that the stock client, the interface or people made or edited.

The stock client of each release deploys ``prefect.yaml``; flowpack takes the deployments
over and deploys them again. Nothing of others may be lost, and no run may be made twice.
"""

from __future__ import annotations

import collections
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flowpack import (
    Client,
    CronSchedule,
    DeploymentSchedule,
    DeploymentSpec,
    FileStorageBlock,
    IntervalSchedule,
    RRuleSchedule,
    deploy,
)
from flowpack.cli import main
from flowpack.exceptions import APIConnectionError, FlowpackError
from flowpack.transport import Effect
from tests.clients import Counting

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore:.*current machine:UserWarning"),
]

#: Releases with several schedules, and the fixtures of their servers.
SEVERAL = {"2.20.25": "prefect2", "3.4.13": "prefect34", "3.9.1": "prefect3"}

SCRIPT = '''\
try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def hello(name: str = "world", n: int = 1):
    """Greet."""
    print(f"Hello {name}!")
'''

ANCHOR = "2021-02-03T04:00:00+00:00"
SIX, SEVEN = CronSchedule("0 6 * * *"), CronSchedule("0 7 * * *")

#: What the stock client deploys, as YAML has it: the schedules by the deployment's name.
#: JSON is YAML, too.
STOCK: dict[str, list[dict[str, Any]]] = {
    "cron": [{"cron": "0 6 * * *"}],
    "zone": [{"cron": "0 6 * * *", "timezone": "Europe/Paris", "slug": "mine"}],
    "interval": [{"interval": 86400, "anchor_date": ANCHOR, "timezone": "UTC"}],
    "rrule": [{"rrule": "FREQ=DAILY;BYHOUR=6;BYMINUTE=0;BYSECOND=0"}],
    "off": [{"cron": "0 6 * * *", "active": False}],
    "differs": [{"cron": "0 6 * * *"}],
    "differs-cli": [{"cron": "0 6 * * *", "slug": "mine"}],
    "several": [
        {"cron": "0 6 * * *", "slug": "a", "parameters": {"n": 2}},
        {"cron": "0 7 * * *", "slug": "b", "active": False},
        {"interval": 86400, "anchor_date": ANCHOR, "timezone": "UTC", "slug": "c"},
    ],
    "list": [{"cron": "0 6 * * *"}, {"cron": "0 7 * * *", "active": False}],
    "stock-again": [{"cron": "0 6 * * *", "slug": "a"}],
    "twice": [{"cron": "0 6 * * *"}, {"cron": "0 6 * * *", "timezone": "UTC"}],
}

#: What differs between two answers about one schedule.
_STAMPS = {"created", "updated", "deployment_id"}


class Stock:
    """A server with what its own client deployed, and the ways to look at it."""

    def __init__(self, server: Any, folder: Any, version: str) -> None:
        self.server, self.folder, self.version = server, folder, version
        self.slugs = version.startswith("3.")
        self.script = folder / "hello.py"

    def deploy(self, schedules: dict[str, Any], **more: Any) -> None:
        """Deploy by the stock client."""
        self.script.write_text(SCRIPT)
        deployments = [
            {
                "name": name,
                "entrypoint": "hello.py:hello",
                "work_pool": {"name": "stock"},
                "schedules": listed,
                **more,
            }
            for name, listed in schedules.items()
        ]
        text = json.dumps({"deployments": deployments})
        (self.folder / "prefect.yaml").write_text(text)
        self.server.run("prefect", "--no-prompt", "deploy", "--all", folder=self.folder)

    def read(self, name: str) -> Any:
        """Return a deployment as the server has it."""
        return self.server.request("GET", f"/deployments/name/hello/{name}")

    def schedules(self, name: str) -> list[dict[str, Any]]:
        """Return its schedules, in an order that does not depend on their ids.

        Releases before slugs have them made anew by some updates, with new ids.
        """
        gone = _STAMPS if self.slugs else {*_STAMPS, "id"}
        found = [
            {key: value for key, value in each.items() if key not in gone}
            for each in self.read(name)["schedules"]
        ]
        return sorted(found, key=lambda each: json.dumps(each["schedule"]))

    def send(self, method: str, name: str, *rest: str, body: Any = None) -> Any:
        """Send a request below a deployment, as the interface would."""
        path = "/".join(["/deployments", self.read(name)["id"], *rest])
        return self.server.request(method, path, body)

    def only(self, name: str) -> str:
        """Return the id of the only schedule."""
        (found,) = self.read(name)["schedules"]
        return str(found["id"])

    def times(self, name: str) -> collections.Counter[str]:
        """Return the times of day for which runs are made, and how many on each day.

        The server is made to make them now.
        """
        found = self.read(name)
        self.send("POST", name, "schedule", body={"min_runs": 2, "max_runs": 2})
        of_it = {"deployments": {"id": {"any_": [found["id"]]}}}
        runs = self.server.request("POST", "/flow_runs/filter", of_it)
        starts = collections.Counter(each["expected_start_time"] for each in runs)
        days: dict[str, set[int]] = collections.defaultdict(set)
        for start, count in starts.items():
            days[start[11:16]].add(count)
        return collections.Counter({time: max(each) for time, each in days.items()})


@pytest.fixture(scope="module", params=SEVERAL.values(), ids=list(SEVERAL))
def stock(request, tmp_path_factory):
    """Each of the servers, with the deployments of :data:`STOCK`."""
    server = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("stock")
    version = next(each for each in SEVERAL if SEVERAL[each] == request.param)
    made = Stock(server, folder, version)
    server.request("POST", "/work_pools/", {"name": "stock", "type": "process"})
    made.deploy(STOCK)
    return made


@pytest.fixture
def client(stock):
    """A client of the server, which is watched."""
    with Client(stock.server.api) as real:
        yield Client(transport=Counting(real._transport))


def put(stock, client, name, **fields):
    """Deploy by flowpack; a second time it is unchanged, and nothing is written."""
    spec = DeploymentSpec(
        name=name,
        flow_location=stock.script,
        flow_storage=FileStorageBlock(str(stock.folder / "files")),
        **{"work_pool": "stock", **fields},
    )
    (done,) = deploy(spec, client)
    kept = stock.read(name)
    client._transport.sent.clear()
    (again,) = deploy(spec, client)
    assert (again.action, client._transport.writes()) == ("unchanged", [])
    assert stock.read(name) == kept
    return done


def touch(stock):
    """Change the script, so that the next deploy is an update."""
    stock.script.write_text(f"{SCRIPT}\n# {uuid.uuid4()}\n")


def noted(done, *texts):
    """Return True if one note has all *texts*."""
    return any(all(text in note for text in texts) for note in done.notes)


EQUAL = {
    "cron": SIX,
    "zone": CronSchedule("0 6 * * *", timezone="Europe/Paris"),
    "interval": IntervalSchedule(86400, anchor_date="2020-01-01T05:00:00+01:00"),
    "rrule": RRuleSchedule("FREQ=DAILY;BYHOUR=6;BYMINUTE=0;BYSECOND=0"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_schedule_is_adopted(stock, client, name):
    """It stays as it is, no second one is made, and no run is made twice."""
    before, times = stock.schedules(name), stock.times(name)
    assert set(times.values()) == {1}
    put(stock, client, name, schedule=EQUAL[name])
    assert stock.schedules(name) == before
    assert stock.times(name) == times
    touch(stock)
    assert put(stock, client, name, schedules=[EQUAL[name]]).action == "updated"
    assert stock.schedules(name) == before
    assert stock.times(name) == times


def test_inactive_schedule_stays_off_until_asked(stock, client):
    """An equal one that is off is adopted as it is; ``--active`` switches it on."""
    put(stock, client, "off", schedule=SIX)
    (found,) = stock.schedules("off")
    assert not found["active"] and not stock.times("off")
    put(stock, client, "off", schedules=[SIX])
    done = put(stock, client, "off", schedule=SIX, paused=False)
    assert done.action == "updated"
    (found,) = stock.schedules("off")
    assert found["active"] and stock.times("off") == {"06:00": 1}


def test_differing_schedule_stays_with_a_note(stock, client):
    """Both run until the list is to be the whole set."""
    before = stock.schedules("differs")
    done = put(stock, client, "differs", schedule=SEVEN)
    assert noted(done, "0 6 * * *")
    (old, new) = stock.schedules("differs")
    assert [old] == before and new["schedule"]["cron"] == "0 7 * * *"
    assert stock.times("differs") == {"06:00": 1, "07:00": 1}
    put(stock, client, "differs", schedules=[SEVEN], replace_schedules=True)
    (found,) = stock.schedules("differs")
    assert found["schedule"]["cron"] == "0 7 * * *"
    assert stock.times("differs") == {"07:00": 1}


def test_of_two_equal_schedules_one_is_adopted(stock, client):
    """The other stays, with a note, until the list is to be the whole set."""
    before = stock.schedules("twice")
    done = put(stock, client, "twice", schedule=SIX)
    assert noted(done, "0 6 * * *", "stay")
    assert stock.schedules("twice") == before
    put(stock, client, "twice", schedule=SEVEN)
    assert stock.times("twice") == {"06:00": 1, "07:00": 1}
    put(stock, client, "twice", schedules=[SIX], replace_schedules=True)
    assert len(stock.schedules("twice")) == 1
    assert stock.times("twice") == {"06:00": 1}


def test_adopted_schedule_is_changed_and_removed(stock, client):
    """From then on it is flowpack's."""
    name = stock_name("adopted")
    put(stock, client, name)
    for hour in "69":
        body = {"schedule": {"cron": f"0 {hour} * * *"}, "active": True}
        stock.send("POST", name, "schedules", body=[body])
    put(stock, client, name, schedule=SIX)
    put(stock, client, name, schedules=[SEVEN])
    assert stock.times(name) == {"07:00": 1, "09:00": 1}
    done = put(stock, client, name, schedules=[])
    assert noted(done, "0 9 * * *")
    assert stock.times(name) == {"09:00": 1}


def test_command_line(stock, capsys):
    """``--cron`` repeated, ``plan``, ``--replace-schedules`` and ``--no-schedule``."""
    name, storage = "differs-cli", f"file:{stock.folder / 'files'}"
    base = [stock.script, "-n", name, "--storage", storage, "--pool", "stock"]
    base = [*map(str, base), "--api", stock.server.api]
    assert main(["plan", *base]) == 0
    assert "all schedules: cron 0 6 * * *, not flowpack's" in capsys.readouterr().out
    crons = ["--cron", "0 7 * * *", "--cron", "0 8 * * *", "--timezone", "UTC"]
    assert main(["plan", *base, *crons]) == 0
    assert "0 6 * * *" in capsys.readouterr().out
    assert main(["deploy", *base, *crons]) == 0
    assert "0 6 * * *" in capsys.readouterr().err
    assert stock.times(name) == {"06:00": 1, "07:00": 1, "08:00": 1}
    assert main(["deploy", *base, *crons]) == 0
    assert capsys.readouterr().out.startswith("unchanged")
    assert main(["deploy", *base, "--no-schedule"]) == 0
    assert "0 6 * * *" in capsys.readouterr().err
    assert stock.times(name) == {"06:00": 1}
    assert main(["deploy", *base, *crons, "--replace-schedules"]) == 0
    assert stock.times(name) == {"07:00": 1, "08:00": 1}
    assert main(["ls", "--api", stock.server.api]) == 0
    listed = capsys.readouterr().out
    assert "cron 0 7 * * * (UTC)" in listed and "cron 0 8 * * * (UTC)" in listed


def test_all_that_others_set_is_kept(stock, client):
    """Where nothing is said of schedules, each stays with all its fields."""
    name = "several"
    extra = {"schedule": {"cron": "0 9 * * *"}, "max_scheduled_runs": 2}
    extra = {**extra, "active": True}
    if stock.slugs:
        extra.update(slug="d", parameters={"name": "Ada"})
    stock.send("POST", name, "schedules", body=[extra])
    before, times = stock.schedules(name), stock.times(name)
    assert len(before) == 4 and "09:00" in times
    put(stock, client, name)
    touch(stock)
    put(stock, client, name, tags=["x"])
    assert (stock.schedules(name), stock.times(name)) == (before, times)
    # One of our own beside them, and away again.
    put(stock, client, name, schedules=[CronSchedule("0 10 * * *")])
    touch(stock)
    put(stock, client, name, schedules=[CronSchedule("0 11 * * *")])
    assert stock.times(name) == times + collections.Counter(["11:00"])
    assert [each for each in stock.schedules(name) if each in before] == before
    done = put(stock, client, name, schedules=[])
    assert noted(done, "0 9 * * *")
    assert (stock.schedules(name), stock.times(name)) == (before, times)


def test_list_adopts_those_that_are_equal(stock, client):
    """Of a list each equal one is adopted, with what else the item says."""
    before = stock.schedules("list")
    eight = DeploymentSchedule(CronSchedule("0 8 * * *"), max_scheduled_runs=2)
    put(stock, client, "list", schedules=[SIX, SEVEN, eight])
    found = stock.schedules("list")
    assert [each["schedule"]["cron"][2] for each in found] == ["6", "7", "8"]
    assert [each for each in found if each in before] == before
    assert found[2]["max_scheduled_runs"] == 2
    assert stock.times("list") == {"06:00": 1, "08:00": 1}
    # Left out of the list, ours go; what is still there stays as it is.
    put(stock, client, "list", schedules=[SIX])
    assert "08:00" not in stock.times("list")
    put(stock, client, "list", schedules=[eight], replace_schedules=True)
    (found,) = stock.schedules("list")
    assert found["max_scheduled_runs"] == 2
    assert stock.times("list") == {"08:00": 1}


def test_own_schedule_that_was_edited(stock, client):
    """It is not doubled: kept where nothing is said, else replaced."""
    name = stock_name("edited")
    put(stock, client, name, schedule=SIX)
    assert stock.times(name) == {"06:00": 1}
    edited = {"schedule": {"cron": "0 8 * * *"}}
    stock.send("PATCH", name, "schedules", stock.only(name), body=edited)
    put(stock, client, name)
    touch(stock)
    put(stock, client, name, tags=["x"])
    assert stock.times(name) == {"08:00": 1}
    put(stock, client, name, schedule=SIX)
    assert stock.times(name) == {"06:00": 1}
    stock.send("PATCH", name, "schedules", stock.only(name), body=edited)
    put(stock, client, name, schedules=[SEVEN])
    assert stock.times(name) == {"07:00": 1}
    stock.send("PATCH", name, "schedules", stock.only(name), body=edited)
    put(stock, client, name, schedules=[])
    assert not stock.schedules(name)


def test_own_schedule_that_was_edited_beside_one_of_others(stock, client):
    """Others' that were there at the last write are not taken for ours."""
    name = stock_name("beside")
    put(stock, client, name, schedule=SIX)
    nine = {"schedule": {"cron": "0 9 * * *"}, "active": True}
    stock.send("POST", name, "schedules", body=[nine])
    touch(stock)
    put(stock, client, name)
    assert stock.times(name) == {"06:00": 1, "09:00": 1}
    ids = {each["schedule"]["cron"]: each["id"] for each in stock.read(name)["schedules"]}
    edited = {"schedule": {"cron": "0 8 * * *"}}
    stock.send("PATCH", name, "schedules", ids["0 6 * * *"], body=edited)
    put(stock, client, name)
    assert stock.times(name) == {"08:00": 1, "09:00": 1}
    done = put(stock, client, name, schedule=SEVEN)
    assert stock.times(name) == {"07:00": 1, "09:00": 1}
    assert noted(done, "0 9 * * *")


def test_own_schedule_that_was_edited_while_others_added_one(stock, client):
    """Before slugs nobody knows which is ours: nothing is replaced, and a note says so."""
    name = stock_name("both")
    put(stock, client, name, schedule=SIX)
    edited = {"schedule": {"cron": "0 8 * * *"}}
    stock.send("PATCH", name, "schedules", stock.only(name), body=edited)
    nine = {"schedule": {"cron": "0 9 * * *"}, "active": True}
    stock.send("POST", name, "schedules", body=[nine])
    put(stock, client, name)
    assert stock.times(name) == {"08:00": 1, "09:00": 1}
    done = put(stock, client, name, schedule=SEVEN)
    if stock.slugs:
        assert stock.times(name) == {"07:00": 1, "09:00": 1}
        assert noted(done, "0 9 * * *")
    else:
        assert stock.times(name) == {"07:00": 1, "08:00": 1, "09:00": 1}
        assert noted(done, "0 8 * * *") and noted(done, "0 9 * * *")


def test_own_schedule_that_was_edited_to_what_is_asked_for(stock, client):
    """An edit that the next spec follows is no change."""
    name = stock_name("followed")
    put(stock, client, name, schedule=SIX)
    edited = {"schedule": {"cron": "0 7 * * *"}}
    stock.send("PATCH", name, "schedules", stock.only(name), body=edited)
    before = stock.schedules(name)
    put(stock, client, name, schedule=SEVEN)
    assert stock.schedules(name) == before
    assert stock.times(name) == {"07:00": 1}


def test_own_schedule_that_was_deleted_or_switched_off(stock, client):
    """Off stays off until ``--active``; deleted it is made again where it is asked for."""
    name = stock_name("off")
    put(stock, client, name, schedule=SIX)
    off = {"active": False}
    stock.send("PATCH", name, "schedules", stock.only(name), body=off)
    put(stock, client, name)
    touch(stock)
    put(stock, client, name, schedule=SIX)
    assert not stock.schedules(name)[0]["active"] and not stock.times(name)
    done = put(stock, client, name, paused=False)
    assert done.action == "updated"
    assert stock.times(name) == {"06:00": 1}
    stock.send("DELETE", name, "schedules", stock.only(name))
    put(stock, client, name)
    assert not stock.schedules(name)
    put(stock, client, name, schedule=SIX)
    assert stock.times(name) == {"06:00": 1}


def test_fields_of_own_schedules(stock, client):
    """Each is created, changed and cleared; servers without a place for one refuse it."""
    name = stock_name("fields")
    put(stock, client, name)
    whole: dict[str, Any] = {"active": False, "max_scheduled_runs": 2}
    further: dict[str, Any] = {"slug": "mine", "parameters": {"n": 2}}
    if not stock.slugs:
        before = stock.read(name)
        for key, value in further.items():
            asked = [DeploymentSchedule(SIX, **{key: value})]
            with pytest.raises(FlowpackError, match=key):
                put(stock, client, name, schedules=[asked[0]])
        assert stock.read(name) == before
    else:
        whole.update(further)
    put(stock, client, name, schedules=[DeploymentSchedule(SIX, **whole)])
    (found,) = stock.schedules(name)
    assert {key: found[key] for key in whole} == whole
    changed = {**whole, "active": True, "max_scheduled_runs": 3}
    if stock.slugs:
        changed["parameters"] = {"n": 3}
    put(stock, client, name, schedules=[{"cron": "0 6 * * *", **changed}])
    (found,) = stock.schedules(name)
    assert {key: found[key] for key in changed} == changed
    touch(stock)
    put(stock, client, name)
    assert stock.schedules(name) == [found]
    assert stock.times(name) == {"06:00": 1}


def test_stock_client_deploys_again(stock, client):
    """What flowpack leaves the stock client takes, and flowpack it again."""
    name = "stock-again"
    put(stock, client, name, schedule=SIX)
    stock.deploy({name: STOCK[name]})
    assert stock.times(name) == {"06:00": 1}
    put(stock, client, name, schedule=SIX)
    assert stock.times(name) == {"06:00": 1}
    options = ["--cron", "0 9 * * *", "--timezone", "UTC"]
    full_name = f"hello/{name}"
    create = ["prefect", "deployment", "schedule", "create", full_name, *options]
    stock.server.run(*create)
    touch(stock)
    put(stock, client, name, schedule=SIX)
    assert stock.times(name) == {"06:00": 1, "09:00": 1}


def test_pause_and_resume(stock, capsys):
    """They mean the deployment; what was switched off by itself stays off."""
    name = stock_name("paused")
    client = Client(stock.server.api)
    put_once = DeploymentSpec(
        name=name,
        flow_location=stock.script,
        flow_storage=FileStorageBlock(str(stock.folder / "files")),
        work_pool="stock",
        schedule=SIX,
    )
    with client:
        deploy(put_once, client)
    full_name, api = f"hello/{name}", ["--api", stock.server.api]
    for count in (1, 2):
        assert main(["pause", full_name, *api]) == 0
        assert "has the schedule cron 0 6 * * *\n" in capsys.readouterr().err
        assert stock.read(name)["paused"]
        assert main(["resume", full_name, *api]) == 0
        assert "stays inactive" not in capsys.readouterr().err
        found = stock.read(name)
        assert not found["paused"]
        assert all(each["active"] for each in found["schedules"])
        if count == 1:
            eight = {"schedule": {"cron": "0 8 * * *"}, "active": True}
            eight["max_scheduled_runs"] = 2
            if stock.slugs:
                eight.update(slug="eight", parameters={"n": 2})
            stock.send("POST", name, "schedules", body=[eight])
    before = stock.schedules(name)
    for each in stock.read(name)["schedules"]:
        body = {"active": False}
        if stock.slugs:  # A server clears parameters that are left out.
            body["parameters"] = each["parameters"]
        stock.send("PATCH", name, "schedules", each["id"], body=body)
    assert main(["resume", full_name, *api]) == 0
    said = capsys.readouterr().err
    for cron in ("0 6 * * *", "0 8 * * *"):
        assert f"schedule cron {cron}, inactive" in said
    assert said.count("it stays inactive until flowpack resume --schedules") == 2
    assert not stock.times(name)
    assert main(["resume", full_name, "--schedules", *api]) == 0
    assert stock.times(name) == {"06:00": 1, "08:00": 1}
    assert stock.schedules(name) == before


class Breaking(Counting):
    """A transport to a server that is gone after so many writes, the last one without answer."""

    def __init__(self, transport, writes):
        super().__init__(transport)
        self.left = writes

    def send(self, request):
        """Pass a request on, unless the server is gone."""
        self.left -= request.effect is not Effect.READ
        found = self.transport.send(request) if self.left >= 0 else None
        if self.left <= 0:
            raise APIConnectionError(request.method, self.url, "gone")
        return found


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5])
def test_update_that_breaks_off(stock, client, writes):
    """Deployed again all is as if it had not, and nothing of others is lost."""
    name = stock_name("broken")
    put(stock, client, name)
    for hour in "69":
        body = {"schedule": {"cron": f"0 {hour} * * *"}, "active": True}
        stock.send("POST", name, "schedules", body=[body])
    put(stock, client, name, schedules=[SIX, CronSchedule("0 10 * * *")])
    asked = {"schedules": [SEVEN], "tags": ["x"]}
    with pytest.raises(APIConnectionError):
        broken = Client(transport=Breaking(client._transport, writes))
        put(stock, broken, name, **asked)
        raise APIConnectionError("", "", "it needs fewer requests")
    put(stock, client, name, **asked)
    assert stock.times(name) == {"07:00": 1, "09:00": 1}
    put(stock, client, name, schedules=[])
    assert stock.times(name) == {"09:00": 1}


def test_two_deploys_at_once(stock):
    """No schedule is made twice."""
    name, several = stock_name("at-once"), [SIX, SEVEN, CronSchedule("0 8 * * *")]
    with Client(stock.server.api) as client:
        put(stock, Client(transport=Counting(client._transport)), name, schedules=[SIX])
    spec = DeploymentSpec(
        name=name,
        flow_location=stock.script,
        flow_storage=FileStorageBlock(str(stock.folder / "files")),
        work_pool="stock",
        schedules=several,
        tags=["x"],
    )

    def run(_):
        with Client(stock.server.api) as own:
            return deploy(spec, own)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    assert len(stock.schedules(name)) == 3
    assert stock.times(name) == {"06:00": 1, "07:00": 1, "08:00": 1}


def stock_name(prefix):
    """Return a name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def single(request, tmp_path_factory):
    """A server whose deployments have one schedule, with what its client deployed."""
    server = request.getfixturevalue("prefect214")
    made = Stock(server, tmp_path_factory.mktemp("single"), "2.14.21")
    server.request("POST", "/work_pools/", {"name": "stock", "type": "process"})
    for name, schedule in (("one", STOCK["cron"][0]), ("other", STOCK["zone"][0])):
        made.deploy({name: []}, schedule={**schedule, "slug": None})
    return made


def test_the_only_schedule(single, capsys):
    """Before 2.16 a deployment has one schedule, whoever made it."""
    stock = single
    with Client(stock.server.api) as real:
        client = Client(transport=Counting(real._transport))
        put(stock, client, "one", schedule=SIX)
        touch(stock)
        put(stock, client, "one", schedules=[SIX])
        assert stock.times("one") == {"06:00": 1}
        edited = {"schedule": {"cron": "0 8 * * *"}}
        stock.send("PATCH", "one", body=edited)
        put(stock, client, "one")
        touch(stock)
        put(stock, client, "one", tags=["x"])
        assert stock.times("one") == {"08:00": 1}
        put(stock, client, "one", schedules=[SEVEN], replace_schedules=True)
        assert stock.times("one") == {"07:00": 1}
        before = stock.read("one")
        for asked in (
            [SIX, SEVEN],
            [DeploymentSchedule(SIX, slug="mine")],
            [DeploymentSchedule(SIX, parameters={"n": 2})],
            [DeploymentSchedule(SIX, max_scheduled_runs=2)],
        ):
            with pytest.raises(FlowpackError):
                put(stock, client, "one", schedules=asked)
        assert stock.read("one") == before
        full_name, api = "hello/other", ["--api", stock.server.api]
        assert main(["ls", *api]) == 0
        assert "cron 0 6 * * * (Europe/Paris)  yes" in capsys.readouterr().out
        assert main(["pause", full_name, *api]) == 0
        assert "has the schedule cron 0 6 * * * (Euro" in capsys.readouterr().err
        put(stock, client, "other")
        assert main(["resume", full_name, "--schedules", *api]) == 0
        assert "stays inactive" not in capsys.readouterr().err
        put(stock, client, "other", schedules=[])
        assert not stock.times("other")
        assert stock.read("other")["schedule"] is None
