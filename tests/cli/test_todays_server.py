"""What the command line shows of what only today's servers have."""

import json
import os
import re
from uuid import UUID

import pytest

from flowpack import DeploymentSpec, FileStorageBlock, deploy
from flowpack.client import Client
from tests.http_server import serve
from tests.todays_server import TodaysServer


@pytest.fixture
def server():
    """A server of today's Prefect with a pool."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
    return server


def scheduled(server, script, tmp_path, *schedules):
    """Deploy ``hello/d`` and give it these schedules, as others do."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    spec = DeploymentSpec(
        name="d", flow_location=script, flow_storage=storage, work_pool="pool"
    )
    with server.client() as client:
        deploy(spec, client)
    server.deployments["d"]["schedules"] = [
        {"id": str(UUID(int=number)), "active": True, **each}
        for number, each in enumerate(schedules, 1)
    ]


OF_OTHERS = (
    {"schedule": {"cron": "0 6 * * *", "timezone": None, "day_or": True}},
    {
        "schedule": {
            "interval": 3600.0,
            "timezone": "UTC",
            "anchor_date": "2021-02-03T00:30:00Z",
        },
        "active": False,
        "slug": "hourly",
        "parameters": {"name": "Ada"},
        "max_scheduled_runs": 3,
    },
)
OWN = {
    "schedule": {"rrule": "DTSTART:20200101T000000\nFREQ=DAILY", "timezone": "UTC"},
    "slug": "flowpack",
}


def test_all_schedules_are_shown(flowpack, server, script, tmp_path):
    """Those of others, too, marked; ``inspect`` has all there is to know of them."""
    scheduled(server, script, tmp_path, *OF_OTHERS, OWN)
    with serve(server) as url:
        listed = flowpack("ls", "--api", url).out
        (as_json,) = flowpack("ls", "--api", url, "--json").json
        text = flowpack("inspect", "hello/d", "--api", url).out
        document = flowpack("inspect", "hello/d", "--api", url, "--json").json
    assert (
        "cron 0 6 * * *, not flowpack's; every 1 h (UTC), inactive, not flowpack's;"
        " rrule DTSTART:20200101T000000 FREQ=DAILY (UTC)  yes"
    ) in listed
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "schedule.1 cron 0 6 * * *, not flowpack's" in lines
    assert (
        "schedule.2 every 1 h (UTC), inactive, not flowpack's, slug hourly,"
        " max_scheduled_runs 3, anchor 2021-02-03 00:30:00+00:00,"
        ' parameters {"name": "Ada"}'
    ) in lines
    assert as_json["schedules"] == document["schedules"]
    assert document["schedule"] == OWN["schedule"]
    assert [each["own"] for each in document["schedules"]] == [False, False, True]
    assert document["schedules"][1] == {
        "id": str(UUID(int=2)),
        "schedule": {
            "interval": 3600.0,
            "timezone": "UTC",
            "anchor_date": "2021-02-03T00:30:00+00:00",
        },
        "active": False,
        "parameters": {"name": "Ada"},
        "slug": "hourly",
        "max_scheduled_runs": 3,
        "own": False,
    }


def test_plan_shows_all_schedules(flowpack, server, script, tmp_path):
    """Also where nothing is to be done; those of others may change before it is applied."""
    scheduled(server, script, tmp_path, *OF_OTHERS, OWN)
    options = ["-n", "d", "--storage", f"file:{tmp_path / 'store'}", "--pool", "pool"]
    with serve(server) as url:
        command = [script, *options, "--api", url]
        shown = flowpack("plan", *command).out.splitlines()
        planned = flowpack("plan", *command, "--json")
        del server.deployments["d"]["schedules"][0]
        (tmp_path / "plan.json").write_text(planned.out)
        done = flowpack("deploy", *command, "--plan-file", tmp_path / "plan.json")
    assert shown[0].startswith("unchanged  hello/d")
    assert shown[1].strip() == (
        "all schedules: cron 0 6 * * *, not flowpack's; every 1 h (UTC), inactive,"
        " not flowpack's; rrule DTSTART:20200101T000000 FREQ=DAILY (UTC)"
    )
    (action,) = planned.json["actions"]
    assert [each["own"] for each in action["schedules"]] == [False, False, True]
    assert action["schedules"][1]["parameters"] == {"name": "Ada"}
    assert done.status == 0, done.err


def test_pause_and_resume_name_the_schedules(flowpack, server, script, tmp_path):
    """They mean the deployment; what was switched off by itself stays off, and is named."""
    scheduled(server, script, tmp_path, *OF_OTHERS)
    with serve(server) as url:
        paused = flowpack("pause", "hello/d", "--api", url)
        assert server.deployments["d"]["paused"]
        resumed = flowpack("resume", "hello/d", "--api", url)
        flowpack("pause", "hello/d", "--api", url)
        active = flowpack("resume", "hello/d", "--schedules", "--api", url)
    assert paused.out == "paused hello/d\n"
    assert paused.err.splitlines() == [
        "hello/d has the schedule cron 0 6 * * *, not flowpack's",
        "hello/d has the schedule every 1 h (UTC), inactive, not flowpack's",
    ]
    assert resumed.err.splitlines() == [
        "hello/d has the schedule cron 0 6 * * *, not flowpack's",
        "hello/d has the schedule every 1 h (UTC), inactive, not flowpack's; it stays"
        " inactive until flowpack resume --schedules",
    ]
    assert "inactive" not in active.err
    found = server.deployments["d"]
    assert not found["paused"]
    assert [each["active"] for each in found["schedules"]] == [True, True]


def test_inspect_shows_the_concurrency_limit(flowpack, server, script, tmp_path):
    """Since 3.0.3 it stands in an object of its own."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    spec = DeploymentSpec(
        name="d", flow_location=script, flow_storage=storage, work_pool="pool"
    )
    with server.client() as client:
        deploy(spec, client)
    server.deployments["d"].update(
        concurrency_limit=None, global_concurrency_limit={"limit": 2}
    )
    with serve(server) as url:
        shown = flowpack("inspect", "hello/d", "--api", url, "--json").json
    assert shown["concurrency_limit"] == 2


def test_inspect_shows_job_variables_and_limit(flowpack, server, script, tmp_path):
    """Values in ``env`` are masked; a limit that others use is called by its name."""
    options = ("--pool", "pool", "--storage", f"file:{tmp_path}/s", "--concurrency-limit", "2")
    given = ("--job-variable", "env.A=canary", "--job-variable", "command=c")
    with serve(server) as url:
        done = flowpack("deploy", script, "-n", "d", *options, *given, "--api", url)
        assert done.out.startswith("created hello/d"), done.err
        shared = {"name": "team", "limit": 2}
        strategy = {"collision_strategy": "CANCEL_NEW"}
        limit = {"global_concurrency_limit": shared, "concurrency_options": strategy}
        server.deployments["d"].update(limit)
        shown = flowpack("inspect", "hello/d", "--api", url, "--json")
        lines = flowpack("inspect", "hello/d", "--api", url).out
    assert shown.json["job_variables"] == {"env": {"A": "**********"}, "command": "c"}
    assert shown.json["shared_concurrency_limit"] == "team"
    assert shown.json["concurrency_options"] == strategy
    assert "team" in lines and "CANCEL_NEW" in lines and "canary" not in lines + shown.out


def test_storage_by_its_name_is_shown(flowpack, server):
    """It is read by its id, for the masks of a list stand in for more than secrets."""
    options = {"headers": {"A": "canary"}}
    storage = FileStorageBlock("https://files.example/", options=options)
    with server.client() as client:
        storage.save("team", client)
    with serve(server) as url:
        shown = flowpack("storage", "show", "team", "--api", url).out
    assert "https://files.example/" in shown and "hash" in shown
    assert "canary" not in shown


def test_script_whose_name_is_not_utf8(flowpack, server, script, tmp_path):
    """Workers get the name, so it is refused before anything is stored."""
    odd = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.py")
    os.rename(script, odd)
    with serve(server) as url:
        options = ("--api", url, "--pool", "pool", "--storage", f"file:{tmp_path}/s")
        done = flowpack("deploy", odd, *options)
    assert done.status == 1
    assert "not UTF-8" in done.err and "rename the script" in done.err
    assert not server.deployments and not (tmp_path / "s").exists()


def test_schedules_of_the_command_line(flowpack, server, script, tmp_path):
    """The options may be repeated and mixed; the time zone holds for all."""
    store = str(tmp_path / "store")
    words = "--cron @daily --cron @hourly --interval PT1H --rrule FREQ=DAILY"
    all_four = (*words.split(), "--timezone", "Asia/Tokyo")

    def deploying(*options):
        where = ("--storage", f"file:{store}", "--pool", "pool", "--api", url)
        done = flowpack("deploy", str(script), *where, *options)
        assert done.status == 0
        return done

    def schedules():
        return server.deployments["hello"]["schedules"]

    with serve(server) as url:
        deploying(*all_four)
        listed = [each["schedule"] for each in schedules()]
        values = [{**each}.popitem() for each in map(_kind, listed)]
        assert values == [
            ("rrule", "FREQ=DAILY"),
            ("interval", 3600.0),
            ("cron", "@hourly"),
            ("cron", "@daily"),
        ]
        assert {each["timezone"] for each in listed} == {"Asia/Tokyo"}
        assert deploying(*all_four).out.startswith("unchanged")
        schedules()[0].update(slug="theirs", active=False)
        assert deploying("--active").out.startswith("unchanged")
        cleared = deploying("--no-schedule")
        assert "others made stay: rrule FREQ=DAILY (Asia/Tokyo) (inactive)" in cleared.err
        assert len(schedules()) == 1
        deploying("--cron", "@daily", "--replace-schedules")
        (made,) = schedules()
        assert made["schedule"]["cron"] == "@daily"
        made["active"] = False
        assert deploying().out.startswith("unchanged")
        assert deploying("--active").out.startswith("updated")
        assert made["active"] is True


def _kind(schedule):
    return {key: schedule[key] for key in ("cron", "interval", "rrule") if key in schedule}


@pytest.fixture
def listed(flowpack, server, script, tmp_path):
    """Run ls on a server with two deployments of hello and one of another flow."""
    other = tmp_path / "other.py"
    other.write_text(script.read_text().replace("def hello", "def other"))
    with server.client() as client:
        client.create_work_pool("big", "process")
    options = ("--storage", f"file:{tmp_path}/store", "--pool")
    with serve(server) as url:
        for what in (
            (script, "-n", "a", "-t", "x", "-t", "y", *options, "pool"),
            (script, "-n", "b", "-t", "y", "--cron", "0 6 * * *", *options, "big"),
            (other, "-n", "c", "--paused", *options, "big"),
        ):
            assert flowpack("deploy", *what, "--api", url).status == 0
        server.deployments["b"]["status"] = "READY"
        yield lambda *argv: flowpack("ls", *argv, "--api", url)


def test_ls(listed, server):
    """Pool and status of each are shown."""
    lines = listed().out.splitlines()
    assert lines[0].split() == "NAME POOL SCHEDULE ACTIVE STATUS TAGS UPDATED".split()
    assert lines[1].split()[:6] == ["hello/a", "pool", "-", "yes", "-", "x,"]
    assert lines[2].startswith("hello/b  big   cron 0 6 * * *  yes     READY   y ")
    assert lines[3].split()[:5] == ["other/c", "big", "-", "no", "-"]
    (_, shown, _) = listed("--json").json
    assert (shown["work_pool_name"], shown["status"]) == ("big", "READY")
    id_ = server.deployments["b"]["id"]
    assert shown["url"].endswith(f"/deployments/deployment/{id_}")
    assert f"  {shown['url']}\n" in listed("-v").out


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--flow", "hello"], ["hello/a", "hello/b"]),
        (["--flow", "hello", "--flow", "other"], ["hello/a", "hello/b", "other/c"]),
        (["--tag", "y"], ["hello/a", "hello/b"]),
        (["--tag", "y", "--tag", "x"], ["hello/a"]),
        (["--pool", "big"], ["hello/b", "other/c"]),
        (["--pool", "big", "--flow", "hello"], ["hello/b"]),
        (["--pool", "bi"], []),
    ],
    ids=" ".join,
)
def test_ls_filters(listed, options, names):
    """Names are taken as they are; all filters hold at once."""
    assert [each["name"] for each in listed(*options, "--json").json] == names


def test_ls_of_nothing_that_is_there(listed):
    """It says what was asked for."""
    done = listed("--flow", "hello", "--tag", "z", "--pool", "big")
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith(
        "/api of the flow 'hello' with the tag 'z' in the work pool 'big'\n"
    )
    for option, given, meant in (("--flow", "helo", "hello"), ("--pool", "pol", "pool")):
        assert listed(option, given).err.endswith(f"'{given}'; did you mean '{meant}'?\n")


def test_inspect_shows_where_the_code_is(listed, server, flowpack, tmp_path):
    """Without a storage block the pull step itself says where."""
    url = listed("--json").json[0]["url"].partition("/deployments")[0] + "/api"
    shown = flowpack("inspect", "hello/b", "--api", url, "--json").json
    assert shown["storage"]["type"] == "File Storage"
    assert shown["storage"]["data"]["base_path"] == f"{tmp_path}/store/"
    assert shown["pull"] == f"stock pull step, from file://{tmp_path}/store/{shown['key']}"
    assert list(shown["parameter_openapi_schema"]["properties"]) == ["name"]
    assert shown["url"].endswith(f"/deployments/deployment/{shown['id']}")
    text = flowpack("inspect", "hello/b", "--api", url).out
    assert re.search(r'\nschema.name +any, default "world"\n', text)


GIT = "https://ann:canary@git.example/team/flows.git"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (
            {
                "pull_steps": [
                    {
                        "prefect.deployments.steps.git_clone": {
                            "repository": GIT,
                            "branch": "main",
                            "access_token": "canary",
                        }
                    },
                    {"prefect.deployments.steps.run_shell_script": {"script": "canary"}},
                    {"my.step": None},
                ]
            },
            "git_clone (repository https://git.example/team/flows.git, branch main);"
            " run_shell_script; step",
        ),
        (
            {
                "pull_steps": [
                    {
                        "prefect.deployments.steps.set_working_directory": {
                            "directory": "/srv/code"
                        }
                    }
                ]
            },
            "set_working_directory (directory /srv/code)",
        ),
        ({"pull_steps": [], "path": "/opt"}, "no pull step: it is in /opt"),
        (
            {"pull_steps": None, "path": None},
            "no pull step: it is in the folder or the image of the worker",
        ),
        (
            {"pull_steps": None, "storage_document_id": "7"},
            "from the storage block 7",
        ),
    ],
    ids=["git_clone", "set_working_directory", "path", "nothing", "storage"],
)
def test_inspect_what_others_deployed(flowpack, server, record, text):
    """Their pull steps are shown in one line, without what may be secret."""
    with server.client() as client:
        flow_id = str(client.create_flow("f"))
    server._made("deployments", {"name": "d", "flow_id": flow_id, **record})
    with serve(server) as url:
        done = flowpack("inspect", "f/d", "--api", url, "--json")
        shown = flowpack("inspect", "f/d", "--api", url)
    assert done.json["pull"] == text
    assert text in shown.out and "canary" not in shown.out + done.out + done.err


def test_notes_only_where_there_is_news(flowpack, server, script, tmp_path):
    """Equal notes of a set are one line; what is unchanged has none, nor what it did not change."""
    path = tmp_path / "set.json"

    def deploy_set(command, url, *names, **fields):
        spec = {"flow_location": str(script), "work_pool": "pool", "pull": "flowpack", **fields}
        spec["flow_storage"] = f"file:{tmp_path}/store"
        path.write_text(json.dumps([{"name": each, **spec} for each in names]))
        return flowpack(command, path, "--api", url)

    with serve(server) as url:
        done = deploy_set("deploy", url, "a", "b")
        note = "workers pull it with the flowpack step"
        assert f"note: 2 deployments: {note}\n" in done.err
        assert deploy_set("deploy", url, "a", "b").err == "2 unchanged\n"
        assert note not in deploy_set("plan", url, "a", "b").out
        again = deploy_set("deploy", url, "a", "b", tags=["x"])
        assert again.err == "2 updated\n"
        mixed = deploy_set("deploy", url, "a", "c", tags=["x"])
    assert mixed.err == f"note: hello/c: {note}\n1 created, 1 unchanged\n"


def test_first_deploy(flowpack, server, script, tmp_path):
    """Notes say what to do next, and nothing of what is as usual."""
    options = ("--storage", f"file:{tmp_path}/store", "--pool", "new pool", "--create-pool")
    with serve(server) as url:
        done = flowpack("deploy", script, *options, "--api", url)
        assert done.out.startswith("created hello/hello (File Storage, ")
        assert done.err == (
            "note: hello/hello: the work pool 'new pool' of type process is created; prefect"
            " worker start --pool 'new pool' starts a worker for it\n"
        )


def test_deploy_prints_the_address(flowpack, server, script, tmp_path):
    """Of each deployment, in JSON as ``url``, and in Python as an attribute."""
    options = ("-n", "d", "--storage", f"file:{tmp_path}/store", "--pool", "pool", "--api")
    with serve(server) as url:
        shown = flowpack("deploy", script, *options, url).out
        root = f"{url[:-4]}/deployments/deployment"
        address = f"{root}/{server.deployments['d']['id']}"
        assert shown.splitlines()[1:] == [f"  {address}"]
        assert flowpack("deploy", script, *options, url, "--json").json["url"] == address
        storage = FileStorageBlock(str(tmp_path / "store"))
        spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
        with Client(url) as client:
            assert deploy(spec, client)[0].url == address
