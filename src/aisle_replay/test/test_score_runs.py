"""Runs as folders and bags, and their whole score."""

import shutil
from pathlib import Path

import pytest
from autocheckout_recording import stamp_ns, tiny, write
from scoring_world import decision, log, run, true_cart, true_event, true_people, visit

from aisle_contract.interfaces import CART_EVENTS, CARTS, PERSON_TRACKS, RECEIPTS
from aisle_contract.truth import TruthCart, TruthEvent, TruthEventKind, TruthLine, TruthPeople, TruthPerson
from aisle_core.errors import AisleError
from aisle_core.store import load_store
from aisle_core.types import CartEvent, CartEvents, Carts, PersonTrack, PersonTracks, Reason, Receipt, TrackState
from aisle_replay.autocheckout import import_autocheckout
from aisle_replay.bag import BagReader, BagWriter
from aisle_replay.json_text import canonical_json
from aisle_replay.replay import replay
from aisle_replay.results import Results
from aisle_replay.runs import RunRecorder, read_run
from aisle_replay.scoring.inputs import load
from aisle_replay.scoring.report import document, pool, score_run, tables
from aisle_replay.truth import TruthWriter, read_truth

CONFIG = Path(__file__).resolve().parents[3] / "config"
SITE = CONFIG.parent / "test" / "sites" / "demo"
TOPICS = {PersonTracks: PERSON_TRACKS, CartEvents: CART_EVENTS, Carts: CARTS, Receipt: RECEIPTS}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shopper without a gate, who stands 20 s and takes a water after 12 s; with its truth."""
    folder = tmp_path_factory.mktemp("tiny")
    import_autocheckout(write(folder / "recording", tiny(20, pick_s=12.0)), folder / "bag")
    where = (1.02, -0.51)
    with TruthWriter(folder / "bag" / "truth.jsonl", load_store(folder / "bag" / "site"), "tiny", 0) as truth:
        for i in range(200):
            person = TruthPerson("77", "card", (*where, 0), (0, 0, 0), 1.65, (*where, 1.65), (1, 0, 1), (1, 0, 1))
            truth.append(TruthPeople(stamp_ns(0.1 * i), i, (person,)))
        pick = TruthEventKind.PICK
        truth.append(TruthEvent(stamp_ns(12), stamp_ns(12), 0, pick, "77", "", ("g1-s1-p1",), "water", 1, -0.5))
        truth.append(TruthCart(stamp_ns(20), 0, "card", ("77",), True, (TruthLine("water", 1),)))
    return folder / "bag"


@pytest.fixture(scope="module")
def folder(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the bag's replay."""
    recorder = RunRecorder()
    result = replay(bag, CONFIG, observe=recorder.add)
    path = tmp_path_factory.mktemp("run") / "run"
    recorder.write(path, result.results, result.store, result.truth)
    return path


@pytest.fixture(scope="module")
def recorded(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag as the graph's recorder leaves it: decisions with the times at which they came."""
    path = tmp_path_factory.mktemp("recorded") / "bag"
    with BagReader(bag) as reader, BagWriter(path, reader.site_folder()) as writer:
        store_id = reader.load_store().store_id

        def write_down(log_ns: int, item: object) -> None:
            if type(item) in TOPICS:
                writer.append(log_ns, f"/{store_id}/{TOPICS[type(item)].name}", item)

        replay(bag, CONFIG, observe=write_down)
        shutil.copyfile(bag / "truth.jsonl", writer.truth_path)
    return path


def test_a_simulated_bag_carries_its_truth(recorded: Path, tmp_path: Path) -> None:
    with BagReader(recorded) as reader:
        assert reader.truth_path == recorded / "truth.jsonl"
        with BagWriter(tmp_path / "bag", reader.site_folder()):
            pass
    with BagReader(tmp_path / "bag") as reader:
        assert reader.truth_path is None


def test_the_files_of_a_run(bag: Path, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "events.jsonl",
        "receipts.full.json",
        "receipts.json",
        "timing.jsonl",
        "tracks.jsonl",
        "truth.jsonl",
    ]
    assert (folder / "events.jsonl").read_text().splitlines() == replay(bag, CONFIG).results.event_lines()
    assert (folder / "truth.jsonl").read_bytes() == (bag / "truth.jsonl").read_bytes()


def test_a_folder_a_bag_and_a_replay_are_the_same_run(bag: Path, folder: Path, recorded: Path) -> None:
    fresh, kept, live = (load(path, CONFIG)[0] for path in (bag, folder, recorded))
    for other in (kept, live):
        assert other.store_id == fresh.store_id
        assert other.decisions == fresh.decisions
        assert other.visits == fresh.visits
        assert other.owners == fresh.owners
        assert other.released_ns == fresh.released_ns
        assert fresh.tracks is not None and other.tracks is not None
        assert other.tracks.batch_ns.tolist() == fresh.tracks.batch_ns.tolist()
        assert other.tracks.track_id.tolist() == fresh.tracks.track_id.tolist()
        assert other.tracks.position == pytest.approx(fresh.tracks.position, abs=6e-4)


@pytest.mark.parametrize("kind", ["bag", "folder", "recorded"])
def test_the_whole_score(kind: str, request: pytest.FixtureRequest) -> None:
    """Without gates the receipt is found by the label, which is the shopper's name in the truth."""
    score = score_run(*load(request.getfixturevalue(kind), CONFIG))
    assert (score.receipts.exact_visits, score.receipts.visits) == (1, 1)
    assert (score.events.right, score.events.true, score.events.claims) == (1, 1, 1)
    found = document(score)
    assert found["receipts"]["lines"]["f1"] == found["events"]["attribution"]["f1"] == 1.0
    assert found["tracks"]["idf1"] > 0.95
    assert found["tracks"]["error"] < 0.2
    assert 0 < found["pick_to_cart"]["max_s"] < 10
    assert found["exit_to_receipt"] is None
    canonical_json(found)
    assert [table.title.split(" ")[0] for table in tables(score)] == [
        "Receipts",
        "Events",
        "Tracks",
        "Waiting",
        "Confidence",
    ]


def test_a_truth_that_lies_elsewhere(bag: Path, folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "run")
    truth = (moved / "truth.jsonl").rename(tmp_path / "elsewhere.jsonl")
    with pytest.raises(AisleError, match=r"no truth there; give the truth\.jsonl of its simulation with --truth"):
        load(moved, CONFIG)
    assert load(moved, CONFIG, truth)[1] == read_truth(bag / "truth.jsonl")


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(AisleError, match="neither a bag nor the folder of a run"):
        load(tmp_path, CONFIG)


def test_a_run_is_not_written_over_another(folder: Path, bag: Path) -> None:
    result = replay(bag, CONFIG)
    with pytest.raises(AisleError, match="is not empty; give a new folder"):
        RunRecorder().write(folder, result.results, result.store, None)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("events.jsonl", '{"kind":"cart_event","cart_event":{"cart_event_id":"a"}}'),
        ("events.jsonl", "{"),
        ("timing.jsonl", '{"id":"a","released_ns":"soon"}'),
        ("tracks.jsonl", '{"stamp_ns":1,"track_id":[1],"state":[],"position_mm":[]}'),
    ],
)
def test_a_broken_run_names_file_and_line(folder: Path, tmp_path: Path, name: str, line: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "run")
    number = len((broken / name).read_text().splitlines()) + 1
    with (broken / name).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(AisleError, match=rf"{name}:{number}: ") as caught:
        read_run(broken)
    assert "\n" not in str(caught.value)


def test_broken_receipts_are_named(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "run")
    (broken / "receipts.full.json").write_text('{"store_id": 3}')
    with pytest.raises(AisleError, match=r"receipts\.full\.json: 'store_id'"):
        read_run(broken)


# --- by hand


def test_lost_tracks_are_kept_but_not_scored(tmp_path: Path) -> None:
    def track(track_id: int, state: TrackState) -> PersonTrack:
        return PersonTrack(track_id, None, state, (1.25, 2.5, 0.0), (0.0,) * 4, None, (), 1.0, 0)

    recorder = RunRecorder()
    recorder.add(7, PersonTracks(5, 0, (track(1, TrackState.SEEN), track(2, TrackState.LOST))))
    recorder.add(8, PersonTracks(6, 1, ()))
    recorder.write(tmp_path / "run", Results(), load_store(SITE), None)
    first = '{"position_mm":[[1250,2500],[1250,2500]],"stamp_ns":5,"state":["seen","lost"],"track_id":[1,2]}'
    assert (tmp_path / "run" / "tracks.jsonl").read_text().splitlines()[0] == first
    for one in (recorder.run("by hand", "demo"), read_run(tmp_path / "run")):
        assert one.tracks is not None
        assert (one.tracks.track_id.tolist(), one.tracks.batch_ns.tolist()) == ([1], [5, 6])
        assert one.tracks.position.tolist() == [[1.25, 2.5]]


def test_what_comes_twice_counts_as_it_came_first() -> None:
    event = CartEvent("c1", "g1/1", "p1", 1, 2, 1, "milk", 1, 0.9, Reason.WEIGHT_AND_PLACE, False, ())
    recorder = RunRecorder()
    recorder.add(7, CartEvents(5, 0, 5, (event,)))
    recorder.add(9, CartEvents(6, 1, 6, (event,)))
    found = recorder.run("by hand", "demo")
    assert (len(found.decisions), found.released_ns) == (1, {"c1": 7})


def test_the_truth_of_another_store_is_refused() -> None:
    with pytest.raises(AisleError, match="of store market, the truth is of corner"):
        score_run(run(store_id="market"), log())


def test_receipts_are_compared_by_credential() -> None:
    carts = [true_cart("A", "anna", 50, ("milk", 2)), true_cart("B", "bert", 60), true_cart("C", "cora", 70)]
    visits = [
        visit("A", 50, ("milk", 1), track_id=1),
        visit("A", 55, ("milk", 1), ("", 1), track_id=2),
        visit("C", 70, ("tea", 1), track_id=3, review=True),
        visit("D", 80, track_id=4),
    ]
    score = score_run(run(visits=visits), log(carts=carts))
    assert (score.receipts.exact_visits, score.receipts.visits) == (2, 3)
    assert (score.receipts.units_right, score.receipts.units_charged, score.receipts.units_due) == (2, 3, 2)
    assert (score.review.reviewed_receipts, score.review.receipts) == (1, 4)
    assert (score.review.reviewed_lines, score.review.lines) == (1, 4)


def test_who_has_not_left_is_not_scored() -> None:
    carts = [true_cart("A", "anna", 50, ("milk", 1), closed=False), true_cart("B", "bert", 60, ("tea", 1))]
    visits = [visit("A", 70, ("milk", 1), close_reason="end_of_stream"), visit("B", 60, ("tea", 1), track_id=2)]
    score = score_run(run(visits=visits), log(carts=carts))
    assert (score.receipts.exact_visits, score.receipts.visits, score.review.unfinished) == (1, 1, 1)


def test_without_tracks_and_decisions_there_is_nothing_to_say() -> None:
    found = document(score_run(run(), log(people=[true_people(1, anna=(0, 0))])))
    assert found["tracks"] is None
    assert found["receipts"]["exact_rate"] is None
    assert found["calibration"] == {"ece": None, "bins": []}


def test_runs_are_pooled_by_their_counts() -> None:
    good = score_run(
        run([decision(1, "p1", 10)], [visit("A", 50, ("milk", 1))]),
        log([true_event("anna", "p1", 10)], [true_cart("A", "anna", 50, ("milk", 1))]),
    )
    bad = score_run(
        run([decision(1, "p1", 10, "tea", confidence=0.6)], [visit("A", 50, ("tea", 1))]),
        log([true_event("anna", "p1", 10)], [true_cart("A", "anna", 50, ("milk", 1))]),
    )
    both = pool([good, bad])
    assert (both.runs, both.receipts.visits, both.receipts.exact_visits) == (2, 2, 1)
    assert (both.events.true, both.events.right, both.events.wrong_product) == (2, 1, 1)
    assert both.calibration.confidence.tolist() == [0.9, 0.6]
