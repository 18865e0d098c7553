"""What the command line shows of what only today's servers have."""

import os
from uuid import UUID

import pytest

from flowpack import DeploymentSpec, FileStorageBlock, deploy
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
        "rrule DTSTART:20200101T000000 FREQ=DAILY (UTC); cron 0 6 * * *, not flowpack's;"
        " every 1 h (UTC), inactive, not flowpack's  yes"
    ) in listed
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "schedule.2 cron 0 6 * * *, not flowpack's" in lines
    assert (
        "schedule.3 every 1 h (UTC), inactive, not flowpack's, slug hourly,"
        " max_scheduled_runs 3, anchor 2021-02-03 00:30:00+00:00,"
        ' parameters {"name": "Ada"}'
    ) in lines
    assert as_json["schedules"] == document["schedules"]
    assert document["schedule"] == OWN["schedule"]
    assert [each["own"] for each in document["schedules"]] == [True, False, False]
    assert document["schedules"][2] == {
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
        "the schedule every 1 h (UTC) stays inactive; flowpack resume hello/d"
        " --schedules switches it on",
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
