"""Deployments told in Python: ``flowpack deploy examples/specs.py`` runs this file."""

from datetime import timedelta
from pathlib import Path

from flowpack import DeploymentSpec, FileStorageBlock, IntervalSchedule

HERE = Path(__file__).parent

for person in ("Ada", "Grace"):
    DeploymentSpec(
        name=f"for-{person.lower()}",
        flow_location=HERE / "hello.py",
        flow_storage=FileStorageBlock(HERE / "store"),
        parameters={"name": person},
        schedule=IntervalSchedule(timedelta(hours=1)),
    )
