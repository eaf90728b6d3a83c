"""`simulate`: the stand-in for Pigment alone, for people who try their own set-up."""

import signal

import click

from pigment_watcher.simulator import DEMO_KEY, Simulator
from pigment_watcher.views import show

_CONFIGURATION_ID = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"


@click.command(
    help="Runs the stand-in for Pigment alone, until Ctrl-C. It takes pushes, answers status"
    " calls as Pigment would, and imports nothing. What a file holds decides how its import goes:"
    " SIMULATE-FAIL, SIMULATE-SKIP, SIMULATE-CREATE, SIMULATE-SLOW, SIMULATE-503 (400 to 599).",
    epilog=show.examples(
        "pigment-watcher simulate",
        "pigment-watcher simulate --port 8701 --import-seconds 30",
        "curl http://127.0.0.1:8700/   what it can do, and how to let things go wrong",
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8700,
    show_default=True,
    help="The port to listen on; 0: any that is free.",
)
@click.option("--key", default=DEMO_KEY, show_default=True, help="The API key that it takes.")
@click.option(
    "--import-seconds",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    help="How long an import takes.",
)
@click.option("--without-v1", is_flag=True, help="Know nothing under /api/v1/: no reports.")
def simulate(host: str, port: int, key: str, import_seconds: float, *, without_v1: bool) -> None:
    """Run the simulator until SIGINT or SIGTERM."""
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the first thread starts, so that they wait for sigwait() in every thread.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with Simulator(
            host=host,
            port=port,
            keys=(key,),
            import_s=import_seconds,
            has_v1=not without_v1,
            log=click.echo,
        ) as simulator:
            click.echo(_told(simulator.url, key))
            signal.sigwait(ends)
            click.echo(f"Ended after {len(simulator.pushes())} pushes.")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(url: str, key: str) -> str:
    return f"""\
A stand-in for Pigment listens on {url} and takes the API key {key}
Ctrl-C ends it. To try it, save this as config.yaml and make the folder inbox beside it:

    pigment:
      url: {url}
    state_directory: state
    routes:
      sales:
        directory: inbox
        configuration_id: {_CONFIGURATION_ID}
        load_mode: update

and start the service:

    PIGMENT_API_KEY={key} pigment-watcher run --config config.yaml
"""
