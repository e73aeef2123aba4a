"""What the environment says of the way out, as far as the streamer does not go it.

Its own requests (docs/decisions/0083, 0084) go straight to where they are for. What asks for another way is refused
when it starts: half of it would go that way, and the rest past it without a word.
"""

from __future__ import annotations

from os import environ
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from callscribe.environments.streamer import StreamerEnvironment
from callscribe.environments.variables import InvalidEnvironment

_SECURE: Final = ("https", "wss")

# botocore's own client refuses them with GetMedia as well, whose endpoint is the one that the service tells: endpoint
# rules of Kinesis Video Media, "FIPS and custom endpoint are not supported".
_ENDPOINTS: Final = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")


def check_network(environment: StreamerEnvironment) -> None:
    """Check that nothing asks for another way out than the straight one.

    Args:
        environment: What the streamer is told.

    Raises:
        InvalidEnvironment: A proxy is set through which Deepgram or AWS would be asked, or endpoints are wanted that
            GetMedia does not have.
    """
    problems = [
        f"{name}: GetMedia is asked where Kinesis Video Streams says, which is no endpoint for FIPS or IPv6; "
        "leave the variable out"
        for name in _ENDPOINTS
        if environ.get(name, "").strip().lower() == "true"
    ]
    proxies = getproxies_environment()
    urls = (environment.deepgram_stream_url, environment.calls_queue_url, environment.feed_url or "")
    places = [urlsplit(url) for url in urls]
    hosts = [
        place.hostname
        for place in places
        if place.scheme in _SECURE and place.hostname and not proxy_bypass(place.netloc)
    ]
    problems += [
        f"{kind.upper()}_PROXY: the streamer uses no proxy; let its subnets reach Deepgram and AWS by a NAT gateway or "
        f"endpoints, and leave the variable out or name in NO_PROXY what is reached: {', '.join(hosts)}"
        for kind in ("https", "all")
        if hosts and proxies.get(kind)
    ]
    if problems:
        raise InvalidEnvironment("; ".join(problems))
