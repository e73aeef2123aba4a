"""The streamers: their image and their tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

from .findings import Examined, Finding, failed, ok, skipped, unknown, warning

_IMAGE: Final = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def check_image(examined: Examined) -> Iterator[Finding]:
    """See whether the image that tasks are started from is in ECR."""
    if not examined.live:
        yield skipped("running calls are not transcribed in this environment")
        return
    name = examined.streamer["image"]
    image = _IMAGE.fullmatch(name)
    if image is None:
        yield unknown("the streamer's image is not in ECR")
        return
    wanted = {"imageDigest": image["digest"]} if image["digest"] else {"imageTag": image["tag"] or "latest"}
    try:
        examined.client("ecr").describe_images(
            registryId=image["registry"], repositoryName=image["repository"], imageIds=[wanted]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        yield failed("the streamer's image is not in ECR any more", _deploy_again(examined))
    else:
        yield ok("the streamer's image is in ECR")


def check_tasks(examined: Examined) -> Iterator[Finding]:
    """See whether as many streamers run as should."""
    if not examined.live:
        yield skipped("running calls are not transcribed in this environment")
        return
    cluster, service = (examined.target.output(f"Streamer{part}Name") for part in ("Cluster", "Service"))
    services = examined.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    if not services or services[0]["status"] != "ACTIVE":
        yield failed("the streamers' service is gone", _deploy_again(examined))
        return
    running, desired = services[0]["runningCount"], services[0]["desiredCount"]
    counts = f"{running} of {desired} streamers run"
    if desired == 0:
        yield failed("the streamers' service is stopped: no call is transcribed live", "set its desired count to 1")
    elif running == 0:
        yield failed(counts, "read the service's events and the streamer's log")
    elif running < desired:
        yield warning(counts, "new ones may be starting; if it stays so, read the service's events")
    else:
        yield ok(counts)
    if any(deployment.get("rolloutState") == "FAILED" for deployment in services[0].get("deployments", [])):
        yield failed("the last deployment of the streamers failed", "read its events, fix the cause, deploy again")


def _deploy_again(examined: Examined) -> str:
    return f"publish it again with {examined.target.deploy_again}"
