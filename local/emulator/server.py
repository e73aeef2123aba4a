"""Run MiniStack in this process: loopback, patched, and without leaving anything behind."""

import asyncio
import os
import shutil
import signal
from typing import Any

from local.emulator.gateway import gateway
from local.emulator.settings import ACCOUNT_ID, REGION, EmulatorSettings
from local.emulator.version import require_supported_version
from local.server_process import HOST, terminate_with_parent


def run(settings: EmulatorSettings) -> None:
    """Serve until SIGTERM, SIGINT or the parent's end; then end every worker process and remove all files.

    Raises:
        UnsupportedMiniStack: Another MiniStack than the supported one is installed.
        OSError: The port is taken.
    """
    require_supported_version()
    shutil.rmtree(settings.state_directory, ignore_errors=True)
    settings.state_directory.mkdir(parents=True, mode=0o700)
    try:
        _configure(settings)
        _serve(settings)
    finally:
        shutil.rmtree(settings.state_directory, ignore_errors=True)


def _configure(settings: EmulatorSettings) -> None:
    # MiniStack reads its settings from the environment while it is imported.
    endpoint = f"http://{HOST}:{settings.port}"
    files = settings.state_directory.resolve()
    os.environ.update(
        {
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": settings.key.access_key_id,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_SECRET_ACCESS_KEY": settings.key.secret_access_key,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(settings.port),
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "0",
            "S3_DATA_DIR": str(files / "s3"),
            "SFN_WAIT_SCALE": str(settings.wait_scale),
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(files / "state"),
            "TMPDIR": str(files),
        }
    )


def _serve(settings: EmulatorSettings) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app as ministack

    from local.emulator import patches
    from local.emulator.patches import functions
    from local.emulator.patches.account import EmulatedAccount

    account = EmulatedAccount(settings.key)
    patches.apply(
        runtime_python=settings.runtime_python,
        workers_per_function=settings.workers_per_function,
        workers_of=settings.workers_of,
        kinesis_video_url=settings.kinesis_video_url,
        key=settings.key,
        secret_of=account.secret_of,
    )
    config = Config()
    config.bind = [f"{HOST}:{settings.port}"]
    config.graceful_timeout = 1.0

    async def serve_until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if settings.stop_with_parent:
            terminate_with_parent()

        async def stopped() -> None:
            await stop.wait()
            await asyncio.to_thread(functions.stop_workers)

        application: Any = gateway(ministack.app, key=settings.key, account=account)
        await serve(application, config, shutdown_trigger=stopped)

    asyncio.run(serve_until_stopped())
