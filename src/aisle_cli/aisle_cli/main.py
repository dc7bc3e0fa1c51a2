"""The commands of ``./aisle``. Each imports what it needs when it runs, so that all start fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from aisle_cli.office_commands import office_app
from aisle_cli.review_commands import review_app
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
app.add_typer(office_app, name="office")
app.add_typer(review_app, name="review")

People = Annotated[
    Literal["auto", "poses", "depth"],
    typer.Option(help="Find people in poses or in depth images; auto: in poses if the site has a pose source."),
]
Evidence = Annotated[
    Path | None, typer.Option(help="Tell like products apart in the bag's colour images, by this appearance.npz.")
]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command()
def demo(
    bag: Annotated[Path | None, typer.Option(help="A bag to play instead of simulating a store.")] = None,
    site: Annotated[str, typer.Option(help="Site to simulate.")] = "market",
    scenario: Annotated[str, typer.Option(help="One of config/scenarios, a file, or random.")] = "random",
    shoppers: Annotated[int, typer.Option(help="How many come, if random.", min=1)] = 12,
    rate: Annotated[float, typer.Option(help="Simulated or recorded seconds per second.", min=0.01)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same store.")] = 1,
    people: People = "auto",
    office: Annotated[
        Path | None, typer.Option(help="Folder for journal, books and mails; without it a new one.")
    ] = None,
) -> None:
    """A living store: shoppers, sensors and gates are simulated, the ROS graph runs, and receipts come by mail."""
    from aisle_cli.demo import run_demo

    raise typer.Exit(run_demo(bag, site, scenario, shoppers, rate, seed, people, office))


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Bag folder to write; must not exist.")],
    site: Annotated[str, typer.Option(help="A site: a name in config/stores, or a folder.")] = "market",
    scenario: Annotated[str, typer.Option(help="One of config/scenarios, a file, or random.")] = "random",
    shoppers: Annotated[int, typer.Option(help="How many come, if random.", min=1)] = 12,
    seed: Annotated[int, typer.Option(help="The same seed, the same bytes.")] = 1,
    images: Annotated[str, typer.Option(help="Images to render into the bag: depth, color, or both.")] = "",
) -> None:
    """Simulate a store offline into a bag, with the truth beside it."""
    from aisle_cli.simulate import run_simulate

    raise typer.Exit(run_simulate(out, site, scenario, shoppers, seed, images))


@app.command(context_settings=PASS_ON)
def test(context: typer.Context) -> None:
    """Lint, type-check and run all tests. Words after -- go to pytest."""
    from aisle_cli.testing import run_tests

    raise typer.Exit(run_tests(context.args))


@app.command()
def audit(
    database: Annotated[str, typer.Argument(help="URL of the office's database, such as sqlite:///office.db.")],
    noted: Annotated[list[str] | None, typer.Option(help="POSITION:HASH that was noted before; repeat it.")] = None,
) -> None:
    """Check the office's journal: is it whole, does the money add up, has every charge its evidence?"""
    from aisle_cli.office import run_audit

    raise typer.Exit(run_audit(database, noted or []))


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
    run: Annotated[Path | None, typer.Option(help="Write everything that `score` needs into this new folder.")] = None,
    site: Annotated[str | None, typer.Option(help="Use this site instead of the bag's own.")] = None,
    allow_config: Annotated[bool, typer.Option(help="Accept a site other than the one recorded with.")] = False,
    people: People = "auto",
    evidence: Evidence = None,
) -> None:
    """Replay a bag offline: no ROS graph, the same result."""
    from aisle_cli.offline import run_replay

    raise typer.Exit(run_replay(bag, out, receipts, run, site, allow_config, people, evidence))


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
    paths: Annotated[
        list[Path], typer.Argument(help="Bags or run folders with their truth; or receipts.json and the true receipts.")
    ],
    truth: Annotated[Path | None, typer.Option(help="truth.jsonl, when it does not lie in the bag or run.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the calibration of confidence as a PNG.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON.")] = None,
) -> None:
    """Compare receipts, events and tracks with the truth; several runs are pooled."""
    from aisle_cli.offline import run_score

    raise typer.Exit(run_score(paths, truth, picture, json))


@app.command()
def explain(
    receipt_line: Annotated[
        str, typer.Argument(help="VISIT/SKU as in receipts.json, a VISIT, or the id of a shelf event or a decision.")
    ],
    bag: Annotated[Path, typer.Option(help="The bag of the visit.")],
    picture: Annotated[Path | None, typer.Option(help="Draw plates, hands and explanations over time as PNG.")] = None,
    people: People = "auto",
    evidence: Evidence = None,
) -> None:
    """Say why a receipt line is what it is: decisions, explanations with scores, plates and hands."""
    from aisle_cli.explain import run_explain

    raise typer.Exit(run_explain(receipt_line, bag, picture, people, evidence))


store_app = typer.Typer(no_args_is_help=True, help="Draw a site, and check one.")
app.add_typer(store_app, name="store")


@store_app.command("generate")
def store_generate(
    area: Annotated[float, typer.Option(help="Sales floor in m2.")],
    out: Annotated[Path, typer.Option(help="Site folder to write; must not exist. Its name becomes the store's id.")],
    plates: Annotated[int | None, typer.Option(help="Weighing plates; without it as many as suit the area.")] = None,
    sensors: Annotated[int | None, typer.Option(help="Depth sensors; without it as many as see every head.")] = None,
    cameras: Annotated[int | None, typer.Option(help="Colour cameras; without it one per 10 m2.")] = None,
    products: Annotated[int | None, typer.Option(help="Different products; without it one per 2.3 plates.")] = None,
    ceiling: Annotated[float, typer.Option(help="Height of the depth sensors in m.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of the assortment and the planogram.")] = 1,
    name: Annotated[str | None, typer.Option(help="Name of the store for people.")] = None,
) -> None:
    """Draw a site: gondolas, lanes, sensors, catalogue and planogram."""
    from aisle_cli.store import run_generate
    from aisle_sim.site_generator import SiteSize

    raise typer.Exit(run_generate(out, name, SiteSize(area, plates, sensors, cameras, products, ceiling, seed)))


@store_app.command("check")
def store_check(
    site: Annotated[str, typer.Argument(help="Name of a folder in config/stores, or a path.")],
    picture: Annotated[Path | None, typer.Option(help="Write a plan of the coverage as PNG.")] = None,
    ceiling: Annotated[float | None, typer.Option(help="Hang all depth sensors at this height in m.")] = None,
) -> None:
    """Check a site, and say what its depth sensors see. Exit code 1 when something matters."""
    from aisle_cli.store import run_check

    raise typer.Exit(run_check(site, picture, ceiling))


@app.command()
def calibrate(
    site: Annotated[str, typer.Argument(help="Name of a folder in config/stores, or a path.")],
    bag: Annotated[Path, typer.Option("--from", help="A bag with images of the store, best without people.")],
    device: Annotated[list[str] | None, typer.Option(help="A depth sensor or camera; without it all.")] = None,
    write: Annotated[bool, typer.Option(help="Write the poses into the site's sensors.yaml.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw residuals and corrections as PNG.")] = None,
) -> None:
    """Find where depth sensors and cameras hang, from known floor and fixtures or AprilTags."""
    from aisle_cli.calibrate import run_calibrate

    raise typer.Exit(run_calibrate(site, bag, device or [], write, picture))


@app.command()
def enroll(
    site: Annotated[str, typer.Argument(help="Name of a folder in config/stores, or a path.")],
    bag: Annotated[Path, typer.Option("--from", help="A bag with colour images of the stocked store.")],
    out: Annotated[Path | None, typer.Option(help="File to write; without it appearance.npz in the site.")] = None,
    seconds: Annotated[float, typer.Option(help="Look at so much of the bag's begin.", min=0.1)] = 10.0,
    recogniser: Annotated[str, typer.Option(help="colour, or the path of an .onnx file.")] = "colour",
) -> None:
    """Learn what the products look like, where the planogram says they stand."""
    from aisle_cli.enroll import run_enroll

    raise typer.Exit(run_enroll(site, bag, out, seconds, recogniser))


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
def topics_hz(
    topic: str,
    seconds: Annotated[float, typer.Option(help="How long to measure from the first message on.", min=0.5)] = 5.0,
) -> None:
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
