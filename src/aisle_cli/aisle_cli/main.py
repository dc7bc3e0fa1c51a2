"""The commands of ``./aisle``. Each imports what it needs when it runs, so that all start fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aisle_core.errors import AisleError

app = typer.Typer(
    name="aisle",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Aisle: a store without tills, as a ROS 2 graph.",
)
topics_app = typer.Typer(no_args_is_help=True, help="Look at the topics of a running graph.")
app.add_typer(topics_app, name="topics")

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command()
def demo(
    bag: Annotated[Path | None, typer.Option(help="A bag to play instead of the built-in recording.")] = None,
    rate: Annotated[float, typer.Option(help="Recorded seconds per second.", min=0.01)] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the built-in recording.")] = 1,
) -> None:
    """Play a recording through the running ROS graph and watch it end in receipts."""
    from aisle_cli.demo import run_demo

    raise typer.Exit(run_demo(bag, rate, seed))


@app.command(context_settings=PASS_ON)
def test(context: typer.Context) -> None:
    """Lint, type-check and run all tests. Words after -- go to pytest."""
    from aisle_cli.testing import run_tests

    raise typer.Exit(run_tests(context.args))


@app.command(context_settings=PASS_ON)
def launch(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A launch file, or a concern: store, replay, record, viz, ...")],
    show_args: Annotated[bool, typer.Option("--show-args", "-s", help="Describe the arguments and stop.")] = False,
) -> None:
    """Run a launch file; arguments as name:=value."""
    from aisle_cli.launching import find_launch_file, run_launch

    raise typer.Exit(run_launch(find_launch_file(file), context.args, show_args))


@app.command()
def replay(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 folder.")],
    out: Annotated[Path | None, typer.Option(help="Write the events as JSON lines.")] = None,
    receipts: Annotated[Path | None, typer.Option(help="Write the receipts, and *.full.json beside it.")] = None,
    site: Annotated[str | None, typer.Option(help="Use this site instead of the bag's own.")] = None,
    allow_config: Annotated[bool, typer.Option(help="Accept a site other than the one recorded with.")] = False,
) -> None:
    """Replay a bag offline: no ROS graph, the same result."""
    from aisle_cli.offline import run_replay

    raise typer.Exit(run_replay(bag, out, receipts, site, allow_config))


import_app = typer.Typer(no_args_is_help=True, help="Turn a foreign recording into a bag.")
app.add_typer(import_app, name="import")


@import_app.command("autocheckout")
def import_autocheckout(
    folder: Annotated[Path, typer.Argument(help="Folder with plate_data.json, full_targets.json, planogram.json, ...")],
    out: Annotated[Path, typer.Option(help="Bag folder to write; must not exist.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of the prices.")] = "USD",
) -> None:
    """Import a recording in the format of the AutoCheckout competition."""
    from aisle_cli.offline import run_import

    raise typer.Exit(run_import(folder, out, currency))


@app.command()
def score(
    receipts: Annotated[Path, typer.Argument(help="receipts.json of a replay.")],
    truth: Annotated[Path, typer.Argument(help="True receipts in the same format.")],
) -> None:
    """Compare receipts with the truth."""
    from aisle_cli.offline import run_score

    raise typer.Exit(run_score(receipts, truth))


@app.command(context_settings=PASS_ON)
def record(context: typer.Context) -> None:
    """Record the running graph into a bag; arguments as for `launch record`."""
    from aisle_cli.launching import find_launch_file, run_launch

    raise typer.Exit(run_launch(find_launch_file("record"), context.args, show_args=False))


@app.command(context_settings=PASS_ON)
def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which benchmark; without a name they are listed.")] = None,
) -> None:
    """Measure, and print ratios against a reference in the same run."""
    from aisle_cli.testing import run_bench

    raise typer.Exit(run_bench(name, context.args))


@topics_app.command("list")
def topics_list() -> None:
    """Topics on the network, with types, and what the registry says of them."""
    from aisle_cli import graph

    raise typer.Exit(graph.topics_list())


@topics_app.command("info")
def topics_info(topic: str) -> None:
    """Type, publishers, subscribers and their QoS."""
    from aisle_cli import graph

    raise typer.Exit(graph.topics_info(topic))


@topics_app.command("echo")
def topics_echo(
    topic: str, count: Annotated[int, typer.Option("--count", "-n", help="Stop after so many messages.")] = 0
) -> None:
    """Print messages as YAML."""
    from aisle_cli import graph

    raise typer.Exit(graph.topics_echo(topic, count))


@topics_app.command("hz")
def topics_hz(topic: str, seconds: Annotated[float, typer.Option(help="How long to measure.", min=0.5)] = 5.0) -> None:
    """Measure the rate of a topic."""
    from aisle_cli import graph

    raise typer.Exit(graph.topics_hz(topic, seconds))


@app.command()
def params(
    node: Annotated[str | None, typer.Argument(help="A node of the running graph; without one, all nodes.")] = None,
) -> None:
    """Parameters of running nodes."""
    from aisle_cli import graph

    raise typer.Exit(graph.show_params(node))


@app.command()
def nodes() -> None:
    """Running nodes, their lifecycle state and health."""
    from aisle_cli import graph

    raise typer.Exit(graph.show_nodes())


@app.command()
def player(
    action: Annotated[str, typer.Argument(help="pause, resume, step, seek or rate.")],
    value: Annotated[float, typer.Argument(help="Seconds for step and seek, factor for rate.")] = 0.0,
) -> None:
    """Steer the bag player of a running replay."""
    from aisle_cli import graph

    raise typer.Exit(graph.steer_player(action, value))


@app.command()
def docs(check: Annotated[bool, typer.Option(help="Only name the pages that are stale.")] = False) -> None:
    """Write the tables in docs/ that come from the registry and the parameters."""
    from aisle_cli.docs import run_docs

    raise typer.Exit(run_docs(check))


@app.command()
def doctor() -> None:
    """Check the environment and say what is wrong and how to mend it."""
    from aisle_cli.doctor import run_doctor

    raise typer.Exit(run_doctor())


@app.command()
def shell() -> None:
    """A shell in which the environment is set."""
    from aisle_cli.doctor import run_shell

    raise typer.Exit(run_shell())


def main() -> None:
    """Entry point: an AisleError is one line and exit code 2."""
    try:
        app(prog_name="./aisle")
    except AisleError as error:
        print(f"aisle: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
