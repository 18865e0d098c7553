"""Against real servers: a ``prefect.yaml`` deployed by the stock client and by flowpack."""

from __future__ import annotations

import os
import subprocess
import textwrap
import uuid

import pytest

from flowpack import get_client
from flowpack.cli import main
from tests.peers.prefect import prefect_worker

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore:.*current machine:UserWarning"),
]

SCRIPT = '''\
import os

from prefect import flow


@flow(log_prints=True)
def count_up(n: int = 1, s: str = "x"):
    """Count."""
    print("counted", n, s, os.environ.get("LEVEL"), os.environ.get("WORD"))


@flow(name="other name", version="7")
def other():
    pass
'''

#: What stays what it was, whoever deploys.
OWN = {
    *("id", "created", "updated", "last_polled", "pull_steps", "labels", "entrypoint"),
    *("created_by", "updated_by", "status", "version_id", "version_info", "branch", "path"),
    *("storage_document_id", "global_concurrency_limit", "parameter_openapi_schema"),
    *("manifest_path", "infrastructure_document_id", "work_queue_id", "root"),
}

FILES = {
    "minimal": """\
        deployments:
        - {name: d-$POOL, entrypoint: "flows/count.py:count_up", work_pool: {name: $POOL}}
    """,
    "full": """\
        definitions:
          pool: &pool
            name: $POOL
            work_queue_name: q1
            job_variables: {env: {LEVEL: "{{ $LEVEL }}"}, working_dir: null}
        deployments:
        - name: "d-$POOL-{{ $LEVEL }}"
          version: "1.2"
          tags: [b, "a-{{ $LEVEL }}"]
          description: A long one
          entrypoint: ./flows/count.py:count_up
          parameters: {n: 010, s: "é {{ $LEVEL }}"}
          work_pool: *pool
        - name: e-$POOL
          tags: [one]
          entrypoint: flows/count.py:other
          work_pool: {<<: *pool, job_variables: {}}
    """,
    "schedules": """\
        deployments:
        - name: d-$POOL
          entrypoint: flows/count.py:count_up
          work_pool: {name: $POOL}
          schedules:
          - {cron: 0 6 * * *, timezone: Europe/Paris, active: false}
          - {interval: 1:00:00, anchor_date: "2024-01-01T00:00:00+00:00", timezone: UTC}
          - {rrule: "DTSTART:20240101T000000\\nFREQ=DAILY", timezone: Europe/Rome}
    """,
    "slugs": """\
        deployments:
        - name: d-$POOL
          paused: true
          entrypoint: flows.count:count_up
          enforce_parameter_schema: false
          concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW, grace_period_seconds: 60}
          work_pool: {name: $POOL}
          schedules:
          - {cron: 0 6 * * 1, day_or: no, slug: a, parameters: {n: 3}}
          - {interval: 90, anchor_date: "2024-01-01", slug: b}
    """,
    "old": """\
        deployments:
        - name: d-$POOL
          entrypoint: flows/count.py:count_up
          work_pool: {name: $POOL}
          schedule: {cron: 0 6 * * *, timezone: Europe/Paris, active: false}
    """,
}
CASES = [
    *(("prefect214", case) for case in ("full", "old")),
    *((server, case) for server in ("prefect2", "prefect34") for case in ("full", "schedules")),
    *(("prefect3", case) for case in FILES),
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a script and the working folder, and settings for its file."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "count.py").write_text(SCRIPT)
    monkeypatch.setenv("LEVEL", "seven")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project, text, pool):
    (project / "prefect.yaml").write_text(textwrap.dedent(text).replace("$POOL", pool))


def make_pool(server):
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    server.request("POST", "/work_pools/", {"name": pool, "type": "process"})
    return pool


def stock_deploy(server, project):
    """Have the stock client deploy all of the file."""
    program = server.environment.folder / "bin" / "prefect"
    done = subprocess.run(
        [program, "--no-prompt", "deploy", "--all"],
        cwd=project,
        env={**server.variables, "LEVEL": os.environ["LEVEL"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def deployed(server, pool):
    """Return the deployments in a pool, by name, without what is the server's or differs."""
    found = server.request(
        "POST", "/deployments/filter", {"work_pools": {"name": {"any_": [pool]}}}
    )
    return {each["name"]: facts(each) for each in found}


def facts(deployment):
    kept = {key: value for key, value in deployment.items() if key not in OWN}
    if kept["description"] == "None":  # The stock client's text for no docstring at all.
        kept["description"] = None
    kept["limit"] = (deployment.get("global_concurrency_limit") or {}).get("limit")
    schedules = [
        {
            **schedule["schedule"],
            "active": schedule["active"],
            "slug": schedule.get("slug"),
            "parameters": schedule.get("parameters") or {},
        }
        for schedule in kept.pop("schedules", None) or ()
    ]
    for each in schedules:
        if (each["slug"] or "").startswith("flowpack"):
            each["slug"] = None
    kept["schedules"] = sorted(schedules, key=repr)
    return kept


def differences(found, expected):
    """Return what differs."""
    assert found.keys() == expected.keys()
    return [
        (name, field, found[name].get(field), value)
        for name, facts in expected.items()
        for field, value in facts.items()
        if found[name].get(field) != value
    ]


def flowpack_deploy(server, project, *options):
    argv = ("deploy", "prefect.yaml", "--storage", f"{project}/storage", *options)
    return main([*argv, "--api", server.api])


@pytest.mark.parametrize(("name", "case"), CASES, ids=map("-".join, CASES))
def test_fields(request, project, capsys, name, case):
    """All fields are those that the stock client makes, and a takeover changes only code."""
    server = request.getfixturevalue(name)
    pool = make_pool(server)
    write(project, FILES[case], pool)
    stock_deploy(server, project)
    stock = deployed(server, pool)
    assert stock
    assert flowpack_deploy(server, project) == 0
    taken_over = deployed(server, pool)
    for each in server.request("POST", "/deployments/filter", {}):
        if each["work_pool_name"] == pool:
            server.request("DELETE", f"/deployments/{each['id']}")
    assert flowpack_deploy(server, project) == 0
    made = deployed(server, pool)
    assert differences(taken_over, stock) == []
    assert differences(made, stock) == []
    capsys.readouterr()
    assert flowpack_deploy(server, project) == 0
    assert set(capsys.readouterr().out.split()) & {"created", "updated"} == set()


def test_runs(prefect3, project, capsys):
    """A worker fills the placeholders that stay, and runs what flowpack stored."""
    pool, word = make_pool(prefect3), f"word_{uuid.uuid4().hex[:8]}"
    prefect3.request("POST", "/variables/", {"name": word, "value": "hidden"})
    env = f'{{LEVEL: "{{{{ $LEVEL }}}}", WORD: "{{{{ prefect.variables.{word} }}}}"}}'
    write(
        project,
        f"""\
        pull:
        - prefect.deployments.steps.set_working_directory: {{directory: /nowhere}}
        deployments:
        - name: runs
          entrypoint: flows/count.py:count_up
          parameters: {{n: 5}}
          work_pool: {{name: $POOL, job_variables: {{env: {env}}}}}
        """,
        pool,
    )
    assert flowpack_deploy(prefect3, project, "-n", "count-up/runs") == 0
    assert "pull (set_working_directory) is replaced" in capsys.readouterr().err
    with prefect_worker(prefect3, pool), get_client(prefect3.api) as client:
        found = client.read_deployment_by_name("count-up/runs")
        run = client.create_flow_run_from_deployment(found.id, idempotency_key=word)
        state, logs = prefect3.outcome(str(run.id), "counted")
    assert state == "COMPLETED"
    assert "counted 5 x seven hidden" in logs
