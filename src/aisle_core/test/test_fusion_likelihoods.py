"""Each term of the fusion by itself."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from aisle_core.fusion import likelihoods
from aisle_core.fusion.history import History
from aisle_core.fusion.ledger import Ledger, Lot
from aisle_core.fusion.mixed_hands import sorted_out
from aisle_core.fusion.shelf_map import ShelfMap
from aisle_core.store import Fixture, Plate, Shelf
from aisle_core.types import HandSide, PersonTracks, TrackState

from .fusion_world import FACINGS, FUSION, MS, STORE, WEIGHTS, S, at, hand, make_store, person, report

MAP = ShelfMap(STORE, FUSION.weight, FUSION.place)
PERSON, WEIGHT, PLACE = FUSION.person, FUSION.weight, FUSION.place


# --- weight


def weight(mass, hidden=1e-12):
    config = replace(WEIGHT, hidden=hidden)
    return likelihoods.weight(mass, 0.003**2, 0.03, np.array(2.0), np.array(0.62), np.array(0.01), config)


def test_weight_is_a_density_with_all_deviations():
    expected = stats.norm.logpdf(1.25, 2 * 0.62, math.hypot(0.003, 2 * 0.01))
    assert weight(1.25) == pytest.approx(expected)
    total, _ = integrate.quad(lambda mass: math.exp(weight(mass, 0.3)), 1.0, 1.5, points=[1.2, 1.24])
    assert total == pytest.approx(0.7 + 0.3 * 0.03 / 0.62, abs=1e-4)


def test_a_part_of_a_piece_may_be_hidden_on_the_plate_beside():
    near = replace(WEIGHT, hidden=0.03)

    def term(mass, unfelt=0.03):
        return likelihoods.weight(mass, 1e-6, unfelt, np.array(1.0), np.array(0.3), np.array(0.001), near)

    assert term(0.315) < term(0.285) < term(0.3)
    assert term(0.285, unfelt=0.01) < term(0.285) == pytest.approx(term(0.2, unfelt=0.12))


def test_a_plate_feels_a_change_beside_it():
    assert likelihoods.felt(-0.02, 1e-6, 1.0, WEIGHT, PLACE) > likelihoods.nothing(-0.02, 1e-6, 1, False, WEIGHT, PLACE)
    assert likelihoods.felt(-0.1, 1e-6, 1.0, WEIGHT, PLACE) < likelihoods.felt(-0.02, 1e-6, 1.0, WEIGHT, PLACE)


def test_a_hand_lets_go_of_what_it_pressed():
    away = [likelihoods.released(left, 1e-6, WEIGHT, PLACE) for left in (0.0, 0.005, 0.02)]
    assert away == sorted(away, reverse=True)
    assert likelihoods.pressed(0.0, WEIGHT, PLACE) > likelihoods.pressed(0.1, WEIGHT, PLACE)


def test_a_weight_that_is_not_known_is_as_good_as_any_other():
    assert likelihoods.unknown_weight(0.01, WEIGHT) == likelihoods.unknown_weight(4.9, WEIGHT)
    assert math.exp(likelihoods.unknown_weight(1.0, WEIGHT)) * WEIGHT.most == pytest.approx(1)
    assert likelihoods.unknown_weight(WEIGHT.most + 0.1, WEIGHT) == likelihoods.NOWHERE


def test_units_are_a_distribution():
    assert np.exp(likelihoods.units(np.arange(1.0, 200), WEIGHT)).sum() == pytest.approx(1)
    assert likelihoods.units(np.array(2.0), WEIGHT) < likelihoods.units(np.array(1.0), WEIGHT)


def test_nothing_is_small_and_grows_with_the_plates():
    total, _ = integrate.quad(
        lambda m: math.exp(likelihoods.nothing(m, 1e-6, 1, False, WEIGHT, PLACE)), -0.3, 0.3, points=[0]
    )
    assert total == pytest.approx(PLACE.nothing, rel=1e-6)
    attended = likelihoods.nothing(0.04, 1e-6, 1, True, WEIGHT, PLACE)
    assert likelihoods.nothing(0.04, 1e-6, 1, False, WEIGHT, PLACE) + math.log(PLACE.idle) == pytest.approx(attended)
    assert likelihoods.nothing(0.04, 1e-6, 2, False, WEIGHT, PLACE) > likelihoods.nothing(
        0.04, 1e-6, 1, False, WEIGHT, PLACE
    )


def test_one_event_needs_no_union():
    assert likelihoods.shared([-0.6], ["p0"], MAP, PLACE) == 0.0


def test_a_union_is_a_prior_times_a_uniform_split():
    facing = likelihoods.shared([-0.3, -0.2], ["p4", "p5"], MAP, PLACE)
    assert facing == pytest.approx(math.log(PLACE.shared_facing / 0.5))
    neighbours = likelihoods.shared([-0.3, -0.2], ["p0", "p1"], MAP, PLACE)
    assert neighbours == pytest.approx(math.log(PLACE.shared_neighbour / 0.5))
    put = likelihoods.shared([0.3, 0.2], ["p0", "p1"], MAP, PLACE)
    assert put == pytest.approx(math.log(PLACE.shared_return / 0.5))
    three = likelihoods.shared([-0.2, -0.2, -0.1], ["p0", "p1", "p2"], MAP, PLACE)
    assert three == pytest.approx(math.log(PLACE.shared_neighbour**2 * 2 / 0.5**2))


# --- place


def test_product_shares_are_a_distribution_led_by_the_planogram():
    shares = dict(zip(MAP.skus, MAP.product_shares("p4"), strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    least = PLACE.misplaced / len(FACINGS) + PLACE.unlisted / len(WEIGHTS)
    assert shares["cereal"] == pytest.approx(1 - PLACE.misplaced - PLACE.unlisted - PLACE.neighbour / 2 + least)
    assert shares["gum"] == pytest.approx(PLACE.neighbour / 2 + least)
    assert shares["oil"] == pytest.approx(least)


def test_a_plate_without_facing_and_neighbours_can_hold_anything():
    shares = ShelfMap(make_store(facings={}), WEIGHT, PLACE).product_shares("p3")
    assert shares == pytest.approx(np.full(len(WEIGHTS), 1 / len(WEIGHTS)))


def test_catalogue_weights_and_their_deviation():
    assert np.isnan(MAP.unit_mass[MAP.skus.index("herbs")])
    assert MAP.unit_stddev[MAP.skus.index("water")] == pytest.approx(WEIGHT.deviation * 0.62)
    assert MAP.unit_stddev[MAP.skus.index("gum")] == WEIGHT.least_stddev
    assert not MAP.knows_weight("herbs")
    assert not MAP.knows_weight("")


def test_adjacency():
    assert MAP.are_adjacent("p0", "p1")
    assert not MAP.are_adjacent("p0", "p2")
    assert not MAP.are_adjacent("p7", "p8")
    assert MAP.share_facing("p4", "p5")
    assert not MAP.share_facing("p3", "p4")


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((0.05, 0.2, 1.0), 0.0),
        ((0.05, -0.3, 1.0), 0.3),
        ((0.2, 0.2, 1.0), 0.1),
        ((0.05, 0.2, 0.8), 0.1),
        ((0.05, 0.2, 1.5), 0.3),
        ((0.2, 0.2, 1.5), math.hypot(0.1, 0.3)),
    ],
)
def test_distance_is_from_the_space_above_the_plate(point, expected):
    assert MAP.distance(np.array(point), ("p0",)) == pytest.approx(expected)
    assert MAP.distance(np.array([point, point]), ("p0", "p15")) == pytest.approx([expected] * 2)


@given(st.floats(-math.pi, math.pi), st.floats(-1, 1), st.floats(-1, 1))
def test_distance_turns_with_the_fixture(yaw, x, y):
    def turned(u, v):
        return 2 + u * math.cos(yaw) - v * math.sin(yaw), 3 + u * math.sin(yaw) + v * math.cos(yaw)

    middle, size = (*turned(0, 0), 1.0), (0.4, 0.2, 0.3)
    plate = Plate(plate_id="q", fixture_id="g", shelf=0, index=0, centre=middle, size=size, yaw=yaw)
    fixture = Fixture(fixture_id="g", kind="gondola", pose=(0, 0, 0, yaw), shelves=(Shelf(index=0, plates=(plate,)),))
    one = ShelfMap(make_store({}, WEIGHTS, fixture), WEIGHT, PLACE)
    expected = math.hypot(max(abs(x) - 0.2, 0), max(abs(y) - 0.1, 0))
    assert one.distance(np.array([*turned(x, y), 1.1]), ("q",)) == pytest.approx(expected, abs=1e-9)
    assert one.floor_distance(np.array(turned(x, y)), ("q",)) == pytest.approx(expected, abs=1e-9)


# --- people

START, END = 5 * S, 5 * S + 40 * MS


def seen(*frames):
    """Samples of frames (stamp in ms, track id, head, hands)."""
    history = History(60 * S, 0.4)
    for at_ms, track_id, head, hands in frames:
        history.add(PersonTracks(at_ms * MS, 0, (person(track_id, head, *hands),)))
    return history.between(0, 100 * S)


def steady(track_id, place, around_ms=range(4000, 6000, 66), side=HandSide.RIGHT, head=(0.0, -0.5), stddev=0.03):
    """A hand that stays, swaying by a millimetre so that every frame is a new one."""
    return [
        (t, track_id, head, (hand((place[0], place[1] + 1e-3 * (i % 2), place[2]), side, stddev),))
        for i, t in enumerate(around_ms)
    ]


def hand_terms(*frames, config=PERSON, plates=("p0",)):
    samples, _, begins = seen(*sorted(frames, key=lambda f: f[0])).by_person()
    return likelihoods.hands(samples, begins, START, END, MAP.offset(samples.hands, plates), 0.0, config)


def test_a_hand_inside_speaks_for_its_person_and_only_that_hand():
    terms = hand_terms(*steady(1, at("p0")), *steady(2, (0.05, -0.6, 1.0)))
    assert terms.shape == (2, 2)
    assert terms[0, 1] > -0.2
    assert terms[1, 1] < -5
    assert terms[0, 0] == pytest.approx(math.log(PERSON.unseen))


def test_a_hand_is_less_likely_the_farther_it_is():
    terms = [hand_terms(*steady(1, (0.05, -d, 1.0)))[0, 1] for d in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)]
    assert terms == sorted(terms, reverse=True)
    assert len(set(terms)) == len(terms)


def test_a_doubtful_hand_is_less_wrong_far_away():
    far = (0.05, -0.35, 1.0)
    assert hand_terms(*steady(1, far, stddev=0.3))[0, 1] > hand_terms(*steady(1, far, stddev=0.03))[0, 1] + 1


def test_the_hand_must_be_there_at_that_time():
    when = range(4966, 5166, 66)
    early = range(3966, 4166, 66)
    away = (0.05, -0.6, 1.0)
    there = steady(1, at("p0"), when)
    now = hand_terms(*there, *steady(1, away, range(4000, 4900, 66)), *steady(1, away, range(5200, 6000, 66)))
    before = hand_terms(*steady(1, at("p0"), early), *steady(1, away, range(4200, 6000, 66)))
    assert now[0, 1] > before[0, 1] + 2


def test_a_hand_that_stays_speaks_louder_than_one_that_passes():
    stays = hand_terms(*steady(1, at("p0")))
    elsewhere = steady(1, (0.05, -0.6, 1.0), [4700, 4800, 4900, 5100, 5200, 5300])
    passes = hand_terms(*steady(1, at("p0"), [5000]), *elsewhere)
    assert stays[0, 1] - passes[0, 1] > 1
    without = replace(PERSON, stay=0.0)
    again = hand_terms(*steady(1, at("p0"), [5000]), *elsewhere, config=without)
    assert again[0, 1] == pytest.approx(stays[0, 1], abs=0.01)


def test_the_hand_must_be_there_at_the_start_and_at_the_end():
    away = (0.05, -0.6, 1.0)

    def term(first, last, meanwhile=1e-9):
        samples = seen(*steady(1, first, range(2000, 5100, 66)), *steady(1, last, range(5100, 9000, 66)))
        offset = MAP.offset(samples.hands, ("p0",))
        config = replace(PERSON, stay=0.0, missed=1e-9, meanwhile=meanwhile)
        return likelihoods.hands(samples, np.array([0]), 3 * S, 7 * S, offset, 0.0, config)[0, 1]

    both = term(at("p0"), at("p0"))
    assert both > term(at("p0"), away) + 5
    assert both > term(away, at("p0")) + 5
    assert term(away, at("p0"), 0.3) == pytest.approx(math.log(0.3 / 2), abs=0.2)


def test_a_hand_seen_elsewhere_can_be_a_mistake():
    far = hand_terms(*steady(1, (3.0, -3.0, 1.0)))
    assert far[0, 1] == pytest.approx(math.log(PERSON.missed), abs=1e-3)


def reach_terms(*frames):
    samples, _, begins = seen(*sorted(frames, key=lambda f: f[0])).by_person()
    return likelihoods.reach(samples, begins, START, END, MAP.floor_distance(samples.body, ("p0",)), PERSON)


def test_reach_is_flat_within_an_arm_and_falls_beyond():
    terms = [reach_terms((5000, 1, (0.05, -d), ()))[0] for d in (0.1, 0.5, 0.7, 0.9, 1.1, 1.4)]
    assert terms[:3] == pytest.approx([0.0, 0.0, 0.0])
    assert terms[2:] == sorted(terms[2:], reverse=True)
    assert terms[3] == pytest.approx(-0.5 * (0.2 / PERSON.arm_stddev) ** 2)


def test_a_person_seen_long_ago_may_have_come():
    away = (0.05, -2.5)
    assert reach_terms((3500, 1, away, ()))[0] > reach_terms((5000, 1, away, ()))[0]
    assert reach_terms((3500, 1, (0.05, -0.5), ()))[0] < reach_terms((5000, 1, (0.05, -0.5), ()))[0]


def test_the_newest_place_of_a_person_counts():
    left = reach_terms((4000, 1, (0.05, -0.5), ()), (5000, 1, (0.05, -2.5), ()))
    assert left[0] == reach_terms((5000, 1, (0.05, -2.5), ()))[0]


# --- evidence


def test_evidence_counts_differences_up_to_a_limit():
    reports = [report("e", 5, soda=-3.0, salt=-4.5, tea=-50.0)]
    assert likelihoods.evidence("soda", reports, 6.0) == 0.0
    assert likelihoods.evidence("salt", reports, 6.0) == -1.5
    assert likelihoods.evidence("tea", reports, 6.0) == -6.0
    assert likelihoods.evidence("milk", reports, 6.0) == -6.0
    assert likelihoods.evidence("salt", reports * 2, 6.0) == -3.0
    assert likelihoods.evidence("salt", [], 6.0) == 0.0
    others = [report("e", 5, soda=-1.0, **{"": -3.5})]
    assert likelihoods.evidence("salt", others, 6.0) == -2.5
    assert likelihoods.evidence("salt", [report("e", 5)], 6.0) == 0.0


# --- history and ledger


def test_history_keeps_new_sights_in_a_span_and_forgets():
    history = History(10 * S, 0.4)
    for i in range(5000):
        stamp = i * 10 * MS
        history.add(PersonTracks(stamp, i, (person(1, (i * 1e-3, 0.0)), person(2, (0.0, 0.0)))))
    found = history.between(45 * S, 46 * S)
    assert found.stamp_ns.tolist() == list(range(45 * S, 46 * S + 1, 10 * MS))
    assert set(found.track_id.tolist()) == {1}
    assert found.body[0].tolist() == pytest.approx([4.5, 0.0])
    assert history.between(0, 39 * S).stamp_ns.size == 0
    assert len(history.state().stamp_ns) <= 1001


def test_a_restored_history_knows_what_is_new():
    history = History(10 * S, 0.4)
    history.add(PersonTracks(0, 0, (person(1, (0.0, 0.0)),)))
    other = History.restore(10 * S, 0.4, history.state())
    other.add(PersonTracks(1, 1, (person(1, (0.0, 0.0)),)))
    assert other.between(0, 9).stamp_ns.tolist() == [0]


def test_history_does_not_take_a_lost_person_for_a_sight():
    history = History(10 * S, 0.4)
    history.add(PersonTracks(0, 0, (person(1, (0.0, 0.0)),)))
    history.add(PersonTracks(1, 1, (person(1, (0.0, 0.0), state=TrackState.LOST),)))
    history.add(PersonTracks(2, 2, (person(1, (0.0, 0.0)),)))
    assert history.between(0, 9).stamp_ns.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("sides", "slots"),
    [
        ((HandSide.RIGHT,), [None, 0]),
        ((HandSide.UNKNOWN, HandSide.LEFT), [1, 0]),
        ((HandSide.UNKNOWN, HandSide.UNKNOWN), [0, 1]),
        ((HandSide.RIGHT, HandSide.LEFT), [1, 0]),
        ((), [None, None]),
    ],
)
def test_hands_have_slots(sides, slots):
    hands = tuple(hand((float(i), 0.0, 0.0), side, 0.5) for i, side in enumerate(sides))
    samples = seen((0, 1, (0.0, 0.0), hands))
    for slot, which in enumerate(slots):
        if which is None:
            assert np.isnan(samples.hands[0, slot]).all()
        else:
            assert samples.hands[0, slot, 0] == which
            assert samples.hand_variance[0, slot] == 0.25


def test_ledger_books_and_is_never_negative():
    ledger = Ledger().into_cart(1, "tea", Lot(1, 0.2, 0.002)).into_cart(1, "tea", Lot(1, 0.21, 0.002))
    lot = ledger.carts[1]["tea"]
    assert (lot.quantity, lot.unit_mass) == (2, pytest.approx(0.205))
    assert lot.unit_stddev == pytest.approx(math.hypot(0.002, 0.005))
    assert ledger.out_of_cart(1, "tea", 1).carts[1]["tea"].quantity == 1
    assert ledger.out_of_cart(1, "tea", 2).carts == {}
    with pytest.raises(ValueError, match="3 units of 'tea' are not in stock 1"):
        ledger.out_of_cart(1, "tea", 3)
    with pytest.raises(ValueError, match="1 units of 'tea' are not in stock 2"):
        ledger.out_of_cart(2, "tea", 1)
    assert ledger.carts[1]["tea"] == lot
    laid = ledger.onto_plate("p0", "tea", Lot(1, 0.2, 0.002))
    assert laid.foreign["p0"]["tea"].quantity == 1
    assert laid.off_plate("p0", "tea", 1).foreign == {}
    assert ledger.without_cart(1).carts == {}


def test_hands_that_come_together_are_remembered_until_one_is_forgotten():
    history = History(10 * S, 0.4)
    for at_ms, apart in ((1000, 1.0), (2000, 0.3), (3000, 1.0)):
        people = (person(2, (0.0, 0.0), hand((0.0, 0.0, 1.0))), person(1, (1.0, 0.0), hand((apart, 0.0, 1.0))))
        history.add(PersonTracks(at_ms * MS, 0, people))
    assert history.met_since(1, 2, 1 * S) and history.met_since(2, 1, 1 * S)
    assert not history.met_since(1, 2, 2 * S)
    assert History.restore(10 * S, 0.4, history.state()).met_since(1, 2, 1 * S)
    history.forget(2)
    assert not history.met_since(1, 2, 1 * S)


def test_jitter_is_what_hands_deviate_from_between_their_neighbours():
    chance = np.random.default_rng(1)

    def waves(stddev):
        for i, at_ms in enumerate(range(0, 9000, 66)):
            x, y, z = chance.normal([0.3 * math.sin(i / 10), 0.0, 1.0], stddev).tolist()
            yield at_ms, 1, (0.0, -0.5), (hand((x, y, z)),)

    for stddev in (0.005, 0.05):
        samples, _, _ = seen(*waves(stddev)).by_person()
        assert samples.jitter() == pytest.approx(stddev, rel=0.2)
    assert seen(*steady(1, at("p0"), range(0, 600, 66))).jitter() == 0.0


def visit_terms(*frames):
    samples, _, begins = seen(*sorted(frames, key=lambda f: f[0])).by_person()
    distance = MAP.distance(samples.hands, ("p0",))
    odds, left_ns, _ = likelihoods.visit(samples, begins, START, END, distance, 0.0, PERSON)
    return odds[0, 1], left_ns[0, 1]


def test_who_takes_comes_before_the_change_and_leaves_after_it():
    def stays(from_ms, to_ms):
        there, away = range(from_ms, to_ms, 33), (0.05, -0.6, 1.0)
        rest = [t for t in range(4000, 6000, 33) if not from_ms <= t < to_ms]
        return visit_terms(*steady(1, at("p0"), there), *steady(1, away, rest))

    took, left_ns = stays(4600, 5300)
    assert took > 1.0 and 5.25 * S < left_ns < 5.4 * S
    assert stays(4950, 5300)[0] == pytest.approx(math.log(PERSON.hasty))
    assert stays(4600, 5950)[0] < took - 2.0
    assert took > stays(4000, 5300)[0] > stays(4600, 5950)[0], "nobody knows since when it is there"


def test_a_hand_that_rests_there_for_long_takes_less_often():
    rests = steady(1, at("p0"), range(2900, 5300, 33)), steady(1, (0.05, -0.6, 1.0), range(5300, 6000, 33))
    assert visit_terms(*rests[0], *rests[1])[0] == pytest.approx(math.log(PERSON.waits))


def test_who_was_not_seen_at_the_change_is_mostly_not_there():
    def term(frames):
        samples, _, begins = seen(*frames).by_person()
        distance = MAP.floor_distance(samples.body, ("p0",))
        return likelihoods.reach(samples, begins, START, END, distance, PERSON)[0]

    there = term(steady(1, at("p0")))
    lost = [term(steady(1, at("p0"), range(at_ms - 1000, at_ms, 66))) for at_ms in (4800, 4000, 2000)]
    assert there == pytest.approx(0.0, abs=1e-3)
    assert there > lost[0] > lost[1] + 1 > lost[2] + 1
    assert lost[1] < math.log(PERSON.missing)


def test_a_hand_stands_before_the_thing_it_takes():
    terms = [hand_terms(*steady(1, (x, 0.05, 1.0)))[0, 1] for x in (0.05, 0.1, 0.15, 0.2)]
    assert terms == sorted(terms, reverse=True)
    assert terms[0] > terms[2] + 1


# --- hands that are mixed up


def crossing(mixed_ms, rate_ms=66):
    """Two people before two plates whose right hands reach there at 5.0 s; their hands are mixed up for a while."""
    frames, whose = [], {}
    for i, t in enumerate(range(2000, 6000, rate_ms)):
        there = max(0.0, 1.0 - abs(t - 5000) / 1000)
        right = [(x, -0.6 + 0.65 * there, 1.0 + 1e-3 * (i % 2)) for x in (0.05, 0.45)]
        left = [(x, -0.5 + 1e-3 * (i % 2), 1.0) for x in (-0.2, 0.7)]
        whose[t] = right
        for who in (0, 1):
            by = 1 - who if t in mixed_ms else who
            hands = hand(left[by], HandSide.LEFT), hand(right[by])
            frames.append((t, who + 1, (0.05 + 0.4 * who, -0.5), hands))
    return frames, whose


@pytest.mark.parametrize("mixed_ms", [range(0), range(4500, 5200), range(4900, 9000)])
def test_hands_that_were_mixed_up_are_given_back(mixed_ms):
    frames, whose = crossing(mixed_ms)
    samples, tracks, begins = seen(*frames).by_person()
    found = sorted_out(samples, begins, PERSON)
    for who, track_id in enumerate(tracks.tolist()):
        rows = samples.track_id == track_id
        expected = [whose[stamp // MS][who] for stamp in samples.stamp_ns[rows].tolist()]
        assert found.hands[rows][:, 1] == pytest.approx(np.array(expected))
    if not mixed_ms:
        assert found is samples
