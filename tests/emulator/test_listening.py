"""Nothing of the whole environment can be reached from outside this machine."""

import os

import pytest

from tests.emulator.deployment import Deployment, new_call, recording
from tests.fakes.sockets import SOCKETS_ARE_LISTED, descendants, listening

pytestmark = pytest.mark.emulator


@pytest.mark.skipif(not SOCKETS_ARE_LISTED, reason="reads Linux's list of sockets")
def test_every_process_of_the_environment_listens_on_the_loopback_address_only(deployment: Deployment) -> None:
    call = new_call("listening")
    deployment.put(call, recording())
    deployment.transcribed(call)  # so that functions run, which are told their events on ports of their own
    session = deployment.session
    streamer = session.streamer("listening")
    streamer.start()
    try:
        addresses = listening(descendants(os.getpid()))
    finally:
        streamer.stop()

    ports = {port for _, port in addresses}
    servers = {session.emulator.port, session.speech.port, session.media.port, streamer.port}
    assert servers < ports
    assert len(ports) > len(servers), "no function listens"
    assert {address for address, _ in addresses} == {"127.0.0.1"}
