"""The schedules of a deployment on today's servers: made, adopted, edited, replaced.

What the server in memory does was seen on the real ones, which the peer tests start.
"""

from typing import Any

import attrs
import pytest

from flowpack import (
    Client,
    CronSchedule,
    DeploymentSchedule,
    DeploymentSpec,
    FileStorageBlock,
    IntervalSchedule,
    Packager,
    ScriptPackager,
    UNSET,
    deploy,
    plan,
)
from flowpack.exceptions import (
    APIConnectionError,
    APIStatusError,
    DeploymentValidationError,
)
from flowpack.transport import Effect
from tests.todays_server import TodaysServer

SLUGS, NO_SLUGS, ONE = "3.9.1", "2.20.25", "2.14.21"

#: A schedule that people make in the UI.
THEIRS = {"cron": "1 1 * * *", "timezone": "UTC", "day_or": True}
EDITED = {"cron": "9 9 * * *", "timezone": "UTC", "day_or": True}


class World:
    """A server, a deployment on it, and what its schedules are."""

    def __init__(self, release, spec):
        self.server = TodaysServer()
        self.server.version = release
        self.client = self.server.client()
        self.spec = spec

    def plan(self, **fields):
        """Return what deploying with other fields would do."""
        return plan(attrs.evolve(self.spec, **fields), self.client).actions[0]

    def deploy(self, **fields):
        """Deploy with other fields, see that again it is unchanged; return the schedules."""
        spec = attrs.evolve(self.spec, **fields)
        deploy(spec, self.client)
        sent = len(self.server.calls())
        assert deploy(spec, self.client)[0].action == "unchanged"
        again = self.server.calls()[sent:]
        assert all(call.startswith("GET") for call in again)
        return self.listed()

    def listed(self):
        """Return the schedules as the server has them, by what they do."""
        return {_what(each): each for each in self.server.deployments["d"]["schedules"]}

    def add(self, **fields):
        """Make a schedule as people do in the UI; return it."""
        listed = self.server.deployments["d"]["schedules"]
        made = self.server._schedule({"schedule": THEIRS, **fields})
        listed.insert(0, made)
        return made

    def owned(self):
        """Return what flowpack takes for its own."""
        (found,) = self.client.read_deployments()
        own = {each.id for each in found.schedules if each.own}
        return {what for what, each in self.listed().items() if each["id"] in own}


def _what(each):
    schedule = each["schedule"]
    return schedule.get("cron") or schedule.get("interval") or schedule.get("rrule")


@pytest.fixture
def make(script, tmp_path):
    """Return a world of a release."""
    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "store")),
        work_pool="pool",
    )

    def make(release):
        world = World(release, spec)
        world.client.create_work_pool("pool", "process")
        return world

    return make


several = pytest.mark.parametrize("release", [SLUGS, "3.0.11", NO_SLUGS])


@several
def test_made_changed_and_removed(make, release):
    """A list is what there is; one that changes keeps what it is called, none clears them."""
    world = make(release)
    items = ["0 6 * * *", {"interval": 3600, "active": False}, {"rrule": "FREQ=DAILY"}]
    made = world.deploy(schedules=items)
    assert [*made] == ["FREQ=DAILY", 3600.0, "0 6 * * *"]
    assert [each["active"] for each in made.values()] == [True, False, True]
    assert world.owned() == {*made}
    changed = world.deploy(schedules=["0 7 * * *", *items[1:]])
    assert {*changed} == {"0 7 * * *", 3600.0, "FREQ=DAILY"}
    if release == SLUGS:
        assert changed["0 7 * * *"]["id"] == made["0 6 * * *"]["id"]
        slugs = [each["slug"] for each in changed.values()]
        assert sorted(slugs) == ["flowpack", "flowpack-2", "flowpack-3"]
    assert world.deploy(tags=["x"]) == world.listed()
    assert world.deploy(schedules=[]) == {}


def test_plan_shows_the_schedules_that_change(make):
    """Each has a line; those that stay as they are have none."""
    world = make(SLUGS)
    world.deploy(schedules=["0 6 * * *", "PT1H", "@daily"])
    spec = attrs.evolve(world.spec, schedules=["0 7 * * *", "PT1H"])
    shown = plan(spec, world.client)
    (change,) = shown.actions[0].changes
    assert (change.field, len(change.old), len(change.new)) == ("schedules", 3, 2)
    lines = [line.strip() for line in str(shown).splitlines()]
    cron = '{"cron": "%s", "timezone": null, "day_or": true}'
    assert [line for line in lines if line.startswith("schedules:")] == [
        f"schedules: {cron % '0 6 * * *'} -> {cron % '0 7 * * *'}",
        f"schedules: {cron % '@daily'} -> null",
    ]


@several
def test_slug_of_the_one_schedule_stays(make, release):
    """A list of one is what ``schedule`` is."""
    world = make(release)
    world.deploy(schedule=CronSchedule("0 6 * * *"))
    steps = world.server.deployments["d"]["pull_steps"]
    assert world.plan(schedules=["0 6 * * *"]).kind == "unchanged"
    world.deploy(schedules=["0 6 * * *"], tags=["x"])
    assert world.server.deployments["d"]["pull_steps"] == steps


@several
def test_equal_schedule_is_adopted(make, release):
    """What is there already is not made again, and is flowpack's from then on."""
    world = make(release)
    world.deploy()
    theirs = world.add(active=True)
    world.add(schedule={"interval": 7200.0, "timezone": "UTC", "anchor_date": None})
    action = world.plan(schedules=["1  1 * * *"])
    assert [each.field for each in action.changes] == ["schedule"]
    assert any("are flowpack's from now on: cron 1 1" in each for each in action.notes)
    assert any("stay and make runs beside" in each for each in action.notes)
    found = world.deploy(schedules=["1  1 * * *"])
    assert len(found) == 2 and world.owned() == {"1 1 * * *"}
    if release == SLUGS:
        assert found["1 1 * * *"] == theirs
    assert world.deploy(tags=["x"]).keys() == found.keys()
    assert [*world.deploy(schedules=[])] == [7200.0]


@several
def test_one_of_two_equal_schedules_is_adopted(make, release):
    """The other stays beside it, with a note; the adoption is noted once."""
    world = make(release)
    world.deploy()
    world.add()
    world.add()
    notes = world.plan(schedules=["1 1 * * *"]).notes
    assert len([each for each in notes if "schedules that" in each]) == 2
    world.deploy(schedules=["1 1 * * *"])
    assert len(world.server.deployments["d"]["schedules"]) == 2
    (note,) = [n for n in world.plan(schedules=["1 1 * * *"]).notes if "schedules" in n]
    assert "others made stay" in note


@several
def test_differing_schedule_stays(make, release):
    """Those of others stay beside flowpack's, as they are, unless they are to be replaced."""
    world = make(release)
    world.deploy()
    theirs = world.add(max_scheduled_runs=3, active=False)
    found = world.deploy(schedules=["0 6 * * *"])
    assert {*found} == {"0 6 * * *", "1 1 * * *"}
    kept = {**found["1 1 * * *"], "id": theirs["id"]}
    assert kept == theirs
    assert {*world.deploy(schedules=["0 7 * * *"])} == {"0 7 * * *", "1 1 * * *"}
    action = world.plan(schedules=[])
    assert any("others made stay: cron 1 1 * * * (UTC), inactive" in n for n in action.notes)
    action = world.plan(schedules=["0 7 * * *"], replace_schedules=True)
    (change,) = action.changes
    assert (change.field, len(change.old), len(change.new)) == ("schedules", 2, 1)
    only = world.deploy(schedules=["0 7 * * *"], replace_schedules=True)
    assert [*only] == ["0 7 * * *"]


@several
def test_edited_schedule_of_ours_is_not_doubled(make, release):
    """One that was edited on the server is kept, or replaced where one is given."""
    world = make(release)
    world.deploy()
    world.add()
    world.deploy(schedules=["0 6 * * *"])
    world.listed()["0 6 * * *"]["schedule"] = EDITED
    assert world.owned() == {"9 9 * * *"}
    assert {*world.deploy(tags=["x"])} == {"9 9 * * *", "1 1 * * *"}
    found = world.deploy(schedules=["0 6 * * *"])
    assert {*found} == {"0 6 * * *", "1 1 * * *"}


@several
def test_adopted_schedule_that_was_edited(make, release):
    """It has no slug of flowpack's, and is known all the same."""
    world = make(release)
    world.deploy()
    world.add()
    world.add(schedule={"interval": 60.0, "timezone": "UTC", "anchor_date": None})
    world.deploy(schedules=["1 1 * * *"])
    world.listed()["1 1 * * *"]["schedule"] = EDITED
    assert {*world.deploy(schedules=["1 1 * * *"])} == {"1 1 * * *", 60.0}


def test_which_one_was_edited_is_not_known(make):
    """Where several may be ours, nothing is replaced, and a note says so."""
    world = make(NO_SLUGS)
    world.deploy(schedules=["0 6 * * *"])
    world.listed()["0 6 * * *"]["schedule"] = EDITED
    world.add()
    assert world.owned() == set()
    action = world.plan(schedules=["0 6 * * *"])
    assert any("several may be it, edited" in each for each in action.notes)
    assert len(world.deploy(schedules=["0 6 * * *"])) == 3


@several
def test_switched_off_stays_off(make, release):
    """A schedule that was switched off is not woken, unless that is said."""
    world = make(release)
    (made,) = world.deploy(schedules=["0 6 * * *"]).values()
    made["active"] = False
    action = world.plan(schedules=["0 6 * * *"])
    assert action.kind == "unchanged"
    assert any("stay inactive: cron 0 6 * * *" in each for each in action.notes)
    (made,) = world.deploy(schedules=["0 7 * * *"]).values()
    assert made["active"] is False
    off = [{"cron": "0 7 * * *", "active": False}]
    assert world.plan(schedules=off, paused=False).kind == "unchanged"
    (made,) = world.deploy(paused=False).values()
    assert made["active"] is True
    made["active"] = False
    (made,) = world.deploy(schedules=["0 7 * * *"], paused=False).values()
    assert made["active"] is True
    (made,) = world.deploy(schedules=off).values()
    assert made["active"] is False
    (made,) = world.deploy(schedules=[{"cron": "0 7 * * *", "active": True}]).values()
    assert made["active"] is True


def test_active_leaves_schedules_of_others_off(make):
    """``paused=False`` is about flowpack's."""
    world = make(SLUGS)
    world.deploy(schedules=["0 6 * * *"])
    world.add(active=False)
    assert world.plan(paused=False).kind == "unchanged"


@pytest.mark.parametrize("release", [SLUGS, NO_SLUGS])
def test_runs_ahead(make, release):
    """Servers forget it when a deployment is written, so it is said again."""
    world = make(release)
    items = [{"cron": "0 6 * * *", "max_scheduled_runs": 3}]
    (made,) = world.deploy(schedules=items).values()
    assert made["max_scheduled_runs"] == 3
    (made,) = world.deploy(tags=["x"]).values()
    assert made["max_scheduled_runs"] == 3
    (made,) = world.deploy(schedules=["0 7 * * *"]).values()
    assert made["max_scheduled_runs"] == 3


def test_slugs_and_parameters(make):
    """They are sent and kept; the slug says whose it is, the user's own as well."""
    world = make(SLUGS)
    item = {"cron": "0 6 * * *", "slug": "morning", "parameters": {"name": "Ada"}}
    (made,) = world.deploy(schedules=[item]).values()
    assert (made["slug"], made["parameters"]) == ("morning", {"name": "Ada"})
    made["schedule"] = EDITED
    assert world.owned() == {"9 9 * * *"}
    (found,) = world.deploy(schedules=[item]).values()
    assert found["id"] == made["id"] and found["parameters"] == {"name": "Ada"}
    assert world.plan(schedules=["0 6 * * *"]).kind == "unchanged"
    (found,) = world.deploy(schedules=[{"cron": "0 6 * * *", "parameters": {}}]).values()
    assert (found["slug"], found["parameters"]) == ("morning", {})
    assert world.deploy(schedules=[]) == {}


def test_slug_of_others_is_taken_over(make):
    """Who gives the slug of a schedule means that one."""
    world = make(SLUGS)
    world.deploy()
    theirs = world.add(slug="theirs", parameters={"name": "Ada"})
    found = world.deploy(schedules=[{"cron": "0 6 * * *", "slug": "theirs"}])
    assert [each["id"] for each in found.values()] == [theirs["id"]]
    assert found["0 6 * * *"]["parameters"] == {"name": "Ada"}
    assert world.owned() == {"0 6 * * *"}


def test_same_times_with_other_parameters(make):
    """They are two schedules, each of which is found again."""
    world = make(SLUGS)
    items = [{"cron": "0 6 * * *"}, {"cron": "0 6 * * *", "parameters": {"name": "Ada"}}]
    for schedules in (items, items[::-1]):
        world.deploy(schedules=schedules)
        listed = world.server.deployments["d"]["schedules"]
        assert sorted(len(each["parameters"]) for each in listed) == [0, 1]


def test_labels_are_written_with_all_schedules(make):
    """Only a POST has labels; the schedules are made anew as they were."""
    world = make(SLUGS)
    world.deploy(schedules=[{"cron": "0 6 * * *", "max_scheduled_runs": 3}])
    world.add(parameters={"name": "Ada"}, max_scheduled_runs=2)
    before = world.listed()
    after = world.deploy(labels={"a": "b"})
    for name, each in after.items():
        assert {**each, "id": 1} == {**before[name], "id": 1}


def test_refused_update_changes_no_schedule(make):
    """What was written before the deployment itself is undone."""
    world = make(SLUGS)
    world.deploy(schedules=["0 6 * * *", "0 7 * * *"])
    world.add(parameters={"name": "Ada"})
    before = world.listed()
    path = world.spec.flow_location
    with open(path, "a") as file:
        file.write("# more")
    world.server.refusal = lambda body: {"detail": "no"}
    with pytest.raises(APIStatusError):
        world.deploy(schedules=["0 6 * * *", "0 8 * * *", "0 9 * * *", "1 2 * * *"])
    assert world.listed() == before


def test_adopted_schedule_gets_other_parameters(make):
    """What is made has a slug, so that a request that is sent again doubles nothing."""
    world = make(SLUGS)
    world.deploy()
    world.add()
    world.deploy(schedules=["1 1 * * *"])
    item = {"cron": "1 1 * * *", "parameters": {"name": "Ada"}}
    (made,) = world.deploy(schedules=[item]).values()
    assert (made["slug"], made["parameters"]) == ("flowpack", {"name": "Ada"})


@several
def test_schedule_of_an_unknown_kind(make, release):
    """One that this release cannot read stays as it is, and may be replaced."""
    world = make(release)
    world.deploy()
    lunar = world.add(schedule={"moon": "full"})["schedule"]
    action = world.plan(schedules=["0 6 * * *"])
    assert any("of an unknown kind" in each for each in action.notes)
    found = world.deploy(schedules=["0 6 * * *"])
    assert lunar in [each["schedule"] for each in found.values()]
    found = world.deploy(schedules=["0 6 * * *"], replace_schedules=True)
    assert [*found] == ["0 6 * * *"]


class Breaking(TodaysServer):
    """A transport to a server that is gone at the nth write, before or after it is done."""

    def __init__(self, server, writes, done):
        super().__init__(server.version)
        self.server, self.left, self.done = server, writes, done

    def send(self, request):
        """Pass a request on, or fail from one write on."""
        self.left -= request.effect is not Effect.READ
        if self.left > 0:
            return self.server.send(request)
        if self.left == 0 and self.done:
            self.server.send(request)
            self.left -= 1
        raise APIConnectionError(request.method, self.url, "gone")


#: What is deployed first, what others add then, and what is deployed where the server breaks.
BROKEN: dict[str, Any] = {
    "adopted one is removed": ([], [{}], ["1 1 * * *"], []),
    "adopted one changes": ([], [{}], ["1 1 * * *"], ["0 6 * * *"]),
    "adopted one gets a slug": ([], [{}], ["1 1 * * *"], [{"cron": "1 1 * * *", "slug": "x"}]),
    "one with a slug is removed": (
        [{"cron": "0 6 * * *", "slug": "six"}, {"cron": "0 7 * * *", "slug": "seven"}],
        [{}],
        None,
        [{"cron": "0 8 * * *", "slug": "seven"}],
    ),
    "all change": (
        ["0 6 * * *", "0 7 * * *"],
        [{}, {"schedule": EDITED}],
        None,
        ["0 8 * * *", "0 9 * * *", "0 10 * * *"],
    ),
    "slugs change": (
        [{"cron": "0 6 * * *", "slug": "a"}, {"cron": "0 7 * * *", "slug": "b"}],
        [],
        None,
        [{"cron": "0 7 * * *", "slug": "a"}, {"cron": "0 6 * * *", "slug": "c"}],
    ),
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("case", BROKEN)
def test_update_that_breaks_off(make, case, done, named, monkeypatch):
    """Deployed again the schedules are what they are after one that does not break off."""
    first, added, adopted, last = BROKEN[case]

    def deployed(writes):
        world = make(SLUGS)
        world.spec = attrs.evolve(world.spec, check_job_variables=named)
        deploy(attrs.evolve(world.spec, schedules=first), world.client)
        for fields in added:
            world.add(**fields)
        if adopted is not None:
            deploy(attrs.evolve(world.spec, schedules=adopted), world.client)
        spec = attrs.evolve(world.spec, schedules=last, tags=["x"])
        if writes:
            broken = Client(transport=Breaking(world.server, writes, done))
            try:
                deploy(spec, broken)
            except APIConnectionError:
                pass
            else:
                return None
        deploy(spec, world.client)
        assert deploy(spec, world.client)[0].action == "unchanged"
        kept = ("schedule", "slug", "active", "parameters")
        listed = world.server.deployments["d"]["schedules"]
        found = sorted((str([each[key] for key in kept]) for each in listed))
        return found, world.owned()

    whole = deployed(0)
    for writes in range(1, 20):
        found = deployed(writes)
        if found is None:
            break
        assert found == whole, writes
    assert writes > 2


def test_two_deploys_at_once(make):
    """Who comes second finds what the first has made, and loses nothing of others."""
    world = make(SLUGS)
    world.deploy(schedules=["0 6 * * *"])
    spec = attrs.evolve(world.spec, schedules=["0 7 * * *", "0 8 * * *"], tags=["x"])

    class Later(TodaysServer):
        def send(self, request):
            if request.method == "POST" and request.path.endswith("/schedules"):
                faster = attrs.evolve(spec, schedules=["0 7 * * *", "0 9 * * *"])
                deploy(faster, world.client)
                world.add()
            return world.server.send(request)

    deploy(spec, Client(transport=Later(SLUGS)))
    assert {*world.listed()} == {"0 7 * * *", "0 8 * * *", "1 1 * * *"}
    assert world.owned() == {"0 7 * * *", "0 8 * * *"}


def test_refused_update_leaves_what_others_did_since(make):
    """Only what the update itself made is undone."""
    world = make(SLUGS)
    world.deploy(schedules=["0 6 * * *"])
    theirs = world.add(max_scheduled_runs=2)
    before = world.listed()

    def refusal(_):
        world.add(schedule=EDITED)
        return {"detail": "no"}

    world.server.refusal = refusal
    item = {"cron": "1 1 * * *", "slug": "x", "max_scheduled_runs": 3}
    with pytest.raises(APIStatusError):
        world.deploy(schedules=[item, "0 8 * * *"], tags=["x"])
    after = world.listed()
    assert after.pop("9 9 * * *")
    assert after.pop("1 1 * * *")["max_scheduled_runs"] == 2
    assert before.pop("1 1 * * *") == theirs
    assert after == before


class Plain(Packager):
    """Packages as ``ScriptPackager`` does, and knows of no schedules."""

    def __init__(self, storage):
        self.inner = ScriptPackager(storage)

    def check_compat(self, deployment, client=None):
        """Take all."""

    def package(self, deployment, client=None):
        """Return the deployment without schedules."""
        spec = deployment.complete(self.inner, client)
        return attrs.evolve(self.inner.package(spec, client), own_schedules=UNSET)


def test_packager_that_knows_of_no_schedules(make):
    """Those of the spec are deployed all the same."""
    world = make(SLUGS)
    fields = {"packager": Plain(world.spec.flow_storage), "flow_storage": None}
    world.spec = attrs.evolve(world.spec, **fields)
    deploy(attrs.evolve(world.spec, schedules=["0 6 * * *", "PT1H"]), world.client)
    assert {*world.listed()} == {"0 6 * * *", 3600.0}
    deploy(world.spec, world.client)
    assert {*world.listed()} == {"0 6 * * *", 3600.0}
    only = {"schedules": ["PT1H"], "replace_schedules": True}
    deploy(attrs.evolve(world.spec, **only), world.client)
    assert {*world.listed()} == {3600.0}


def test_server_that_learned_slugs(make):
    """What flowpack made before the server was upgraded stays its own."""
    world = make(NO_SLUGS)
    world.deploy(schedules=["0 6 * * *"])
    world.server.version = SLUGS
    world.client = world.server.client()
    for each in world.server.deployments["d"]["schedules"]:
        each.update(slug=None, parameters={})
    assert world.owned() == {"0 6 * * *"}
    (made,) = world.deploy(schedules=["0 7 * * *"]).values()
    assert made["slug"] == "flowpack"


@several
def test_interval_without_an_anchor(make, release):
    """One that is made gets the same anchor everywhere; one that is there keeps its own."""
    world = make(release)
    (made,) = world.deploy(schedules=[IntervalSchedule(3600, timezone="Asia/Tokyo")]).values()
    assert made["schedule"]["anchor_date"] == "2020-01-01T00:00:00+09:00"
    made["schedule"]["anchor_date"] = "2026-11-30T12:34:56Z"
    assert world.plan(schedules=[IntervalSchedule(3600, timezone="Asia/Tokyo")]).kind == "unchanged"
    anchored = IntervalSchedule(
        3600, timezone="Asia/Tokyo", anchor_date="2020-01-01T00:00:00+09:00"
    )
    (made,) = world.deploy(schedules=[anchored]).values()
    assert made["schedule"]["anchor_date"] == "2020-01-01T00:00:00+09:00"


SLUGGED = {"cron": "0 6 * * *", "slug": "x"}
OF_PARAMETERS = {"cron": "0 6 * * *", "parameters": {"name": "x"}}
AHEAD = {"cron": "0 6 * * *", "max_scheduled_runs": 2}


@pytest.mark.parametrize(
    "release, schedules, problem",
    [
        (ONE, ["PT1H", "PT2H"], "keeps one schedule for each deployment, and 2 are given"),
        (ONE, [{"cron": "0 6 * * *", "active": False}], "no schedule inactive by itself"),
        (ONE, [SLUGGED], "keeps no slug"),
        (NO_SLUGS, [SLUGGED], "keeps no slug"),
        ("3.1.5", [OF_PARAMETERS], "keeps no parameters"),
        ("2.18.0", [AHEAD], "keeps no max_scheduled_runs"),
    ],
)
def test_what_the_server_cannot_keep(make, release, schedules, problem):
    """It is an error before any write."""
    world = make(release)
    sent = len(world.server.calls())
    with pytest.raises(DeploymentValidationError, match=problem):
        deploy(attrs.evolve(world.spec, schedules=schedules), world.client)
    assert all(call.startswith("GET") for call in world.server.calls()[sent:])


def test_old_server_keeps_one(make):
    """A list of one is the schedule; an empty one clears it."""
    world = make(ONE)
    for schedules in (["PT1H"], ["@daily"], []):
        spec = attrs.evolve(world.spec, schedules=schedules)
        deploy(spec, world.client)
        assert deploy(spec, world.client)[0].action == "unchanged"
        found = world.server.deployments["d"]["schedule"]
        assert (found is None) is (not schedules)


@pytest.mark.parametrize(
    "fields, problem",
    [
        ({"schedules": "0 6 * * *"}, "must be a list of schedules, not str"),
        ({"schedules": {"cron": "0 6 * * *"}}, "must be a list of schedules, not dict"),
        ({"schedules": [5]}, "item 1: .*must be a schedule"),
        ({"schedules": ["PT1H", "noon"]}, "item 2: .*'noon'"),
        ({"schedules": [5, "PT1H", "noon"]}, "(?s)item 1: .*item 3: .*'noon'"),
        ({"schedules": ["PT1H", "01:00:00"]}, "items 1 and 2 are equal"),
        ({"schedules": ["@daily", {"cron": "@daily", "timezone": "UTC"}]}, "are equal"),
        (
            {"schedules": [SLUGGED, {"cron": "@daily", "slug": "x"}]},
            "items 1 and 2 have the same slug 'x'",
        ),
        ({"schedules": [], "schedule": None}, "schedule is given, too"),
    ],
)
def test_bad_schedules(fields, problem):
    """They are refused when the spec is made."""
    with pytest.raises(DeploymentValidationError, match=problem):
        DeploymentSpec(**fields)


def test_replacing_needs_a_list(make):
    """Without one nobody says what is to stay."""
    world = make(SLUGS)
    with pytest.raises(DeploymentValidationError, match="replace_schedules needs"):
        world.deploy(replace_schedules=True)
    assert world.deploy(schedule=None, replace_schedules=True) == {}


def test_deployment_schedule_is_public():
    """Its fields may be given by position."""
    made = DeploymentSchedule("0 6 * * *", False, {"x": 1}, "slug", 3)
    assert made.schedule == CronSchedule("0 6 * * *")
    spec = DeploymentSpec(schedules=(made, IntervalSchedule(60)))
    assert isinstance(spec.schedules, tuple) and spec.schedules[0] is made
    assert attrs.evolve(spec, name="x").schedules == spec.schedules
