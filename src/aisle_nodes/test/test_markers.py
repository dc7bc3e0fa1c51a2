"""The markers stand where the things stand, and say what they are."""

import dataclasses
import math
from collections import Counter
from pathlib import Path

import pytest

from aisle_core.store import Store, load_store
from aisle_core.types import (
    Cart,
    CartEvent,
    CartEvents,
    CartLine,
    Carts,
    CartState,
    Hand,
    HandSide,
    PersonTrack,
    PersonTracks,
    PlateHealth,
    PlateState,
    PlateStates,
    Reason,
    TrackState,
)
from aisle_nodes.markers import Marker, Scene, Shape, fixture_markers, person_markers, plate_colour

SITE = Path(__file__).resolve().parents[3] / "test" / "sites" / "demo"


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(SITE)


def person(track_id: int, state: TrackState = TrackState.SEEN, head: float | None = 1.8) -> PersonTrack:
    hand = Hand(HandSide.LEFT, (1.1, -0.2, 0.9), (0.0,) * 9)
    top = None if head is None else (1.0, -0.5, head)
    return PersonTrack(track_id, None, state, (1.0, -0.5, 0.0), (0.0,) * 4, top, (hand,), 1.0, 0)


def cart(track_ids: tuple[int, ...], state: CartState = CartState.OPEN) -> Cart:
    lines = (
        CartLine("COLA-033", "Cola", 2, 149, 298, 0.98, Reason.WEIGHT_AND_PLACE, False, (), (), (), ()),
        CartLine("", "", 1, None, 0, 0.5, Reason.NO_PRODUCT_FITS, True, (), (), (), ()),
    )
    return Cart("0" * 16, track_ids, None, state, None, 0, "USD", lines, 298)


def plate_state(plate_id: str, health: PlateHealth, mass: float = 2.0) -> PlateState:
    return PlateState(plate_id, health, mass, 0.001)


def named(markers: list[Marker], ns: str) -> list[Marker]:
    return [marker for marker in markers if marker.ns == ns]


def test_an_empty_store_shows_floor_fixtures_gates_and_grey_plates(store: Store) -> None:
    picture = Scene(store).markers()
    counts = Counter(marker.ns for marker in picture)
    assert counts == {
        "floor": 1,
        "fixtures": len(store.fixtures),
        "fixture_names": len(store.fixtures),
        "gates": len(store.lanes),
        "gate_names": len(store.lanes),
        "plates": len(store.plates),
    }
    assert {marker.colour for marker in named(picture, "plates")} == {plate_colour(None)}
    outline = named(picture, "floor")[0].points
    assert outline[0] == outline[-1] and len(outline) == len(store.floor) + 1


def test_ids_are_unique_and_numbers_finite(store: Store) -> None:
    scene = Scene(store)
    scene.take(PersonTracks(0, 0, (person(1), person(2, head=None))))
    scene.take(Carts(0, 0, (cart((1,)), cart((2,)))))
    scene.take(PlateStates(0, 0, "g1", (plate_state("g1-s1-p1", PlateHealth.OK, math.nan),)))
    picture = scene.markers()
    assert len({(marker.ns, marker.id) for marker in picture}) == len(picture)
    for marker in picture:
        assert all(math.isfinite(value) for value in (*marker.position, marker.yaw, *marker.scale, *marker.colour))
        assert all(0 <= value <= 1 for value in marker.colour)
        assert (marker.text != "") == (marker.shape is Shape.TEXT)


def test_a_plate_lies_under_its_top_face(store: Store) -> None:
    for marker, plate in zip(named(Scene(store).markers(), "plates"), store.plates.values(), strict=True):
        assert marker.position[:2] == plate.centre[:2]
        assert marker.position[2] + marker.scale[2] / 2 == pytest.approx(plate.centre.z)
        assert marker.scale[:2] == plate.size[:2]


@pytest.mark.parametrize("yaw", [0.0, 0.7, math.pi / 2, math.pi, -2.0])
def test_a_fixture_holds_its_plates_however_it_is_turned(store: Store, yaw: float) -> None:
    fixture = store.fixtures[0]
    old, pose = fixture.pose, fixture.pose._replace(x=2.0, y=-1.0, yaw=yaw)

    def moved(plate):
        x, y = plate.centre.x - old.x, plate.centre.y - old.y
        centre = plate.centre._replace(
            x=pose.x + math.cos(yaw) * x - math.sin(yaw) * y, y=pose.y + math.sin(yaw) * x + math.cos(yaw) * y
        )
        return plate.model_copy(update={"centre": centre, "yaw": yaw})

    shelves = tuple(
        shelf.model_copy(update={"plates": tuple(moved(plate) for plate in shelf.plates)}) for shelf in fixture.shelves
    )
    turned = store.model_copy(update={"fixtures": (fixture.model_copy(update={"pose": pose, "shelves": shelves}),)})
    block, name = fixture_markers(turned)
    x, y = 1.25 / 2, 0.4 / 2
    assert block.scale == pytest.approx((1.25, 0.4, 1.3))
    assert block.position == pytest.approx(
        (2.0 + math.cos(yaw) * x - math.sin(yaw) * y, -1.0 + math.sin(yaw) * x + math.cos(yaw) * y, 0.65)
    )
    assert block.yaw == yaw
    assert name.text == "g1" and name.position[2] > 1.3


def test_colours_tell_health_and_load() -> None:
    colours = [plate_colour(plate_state("p", health)) for health in PlateHealth]
    assert len(set(colours)) == len(colours)
    empty, half, full = (plate_colour(plate_state("p", PlateHealth.OK, mass)) for mass in (0.0, 2.5, 5.0))
    assert empty[0] > half[0] > full[0]
    assert plate_colour(plate_state("p", PlateHealth.OK, -1.0)) == empty
    assert plate_colour(plate_state("p", PlateHealth.OK, 50.0)) == full


def test_people_are_capsules_as_tall_as_their_heads_and_grey_when_lost() -> None:
    def top(track: PersonTrack) -> float:
        return max(part.position[2] + part.scale[2] / 2 for part in named(person_markers([track]), "people"))

    assert top(person(1, head=None)) == pytest.approx(1.7) and top(person(1, head=1.9)) == pytest.approx(1.9)
    seen, tall, lost, other = (
        named(person_markers([track]), "people")[0]
        for track in (person(1, head=None), person(1, head=1.9), person(1, TrackState.LOST), person(2))
    )
    assert tall.position == (1.0, -0.5, 0.95)
    assert seen.colour == tall.colour != other.colour
    assert len(set(lost.colour[:3])) == 1
    assert person_markers([person(1, TrackState.ENDED)]) == []


def test_hands_are_spheres_where_the_hands_are() -> None:
    hands = named(person_markers([person(1), person(2)]), "hands")
    assert [(hand.shape, hand.position) for hand in hands] == [(Shape.SPHERE, (1.1, -0.2, 0.9))] * 2


def test_a_cart_is_written_above_its_shopper(store: Store) -> None:
    scene = Scene(store)
    scene.take(PersonTracks(0, 0, (person(1), person(2))))
    scene.take(Carts(0, 0, (cart((7, 2)), cart((9,)), cart((1,), CartState.CLOSED))))
    (text,) = named(scene.markers(), "carts")
    assert text.text == "2 x Cola\n1 x ? (review)"
    assert text.position[:2] == (1.0, -0.5) and text.position[2] > 1.8


def test_the_newest_state_is_shown(store: Store) -> None:
    scene = Scene(store)
    both = tuple(plate_state(plate_id, PlateHealth.OK) for plate_id in ("g1-s1-p1", "g1-s1-p2"))
    scene.take(PlateStates(0, 0, "g1", both))
    scene.take(PlateStates(1, 1, "g1", (plate_state("g1-s1-p1", PlateHealth.SILENT),)))
    first, second = named(scene.markers(), "plates")[:2]
    assert first.colour == plate_colour(plate_state("", PlateHealth.SILENT))
    assert second.colour == plate_colour(plate_state("", PlateHealth.OK))
    scene.take(PersonTracks(0, 0, (person(1),)))
    scene.take(PersonTracks(1, 1, ()))
    assert named(scene.markers(), "people") == []


def walked(track_id: int, x: float) -> PersonTrack:
    return PersonTrack(track_id, None, TrackState.SEEN, (x, 0.0, 0.0), (0.0,) * 4, None, (), 1.0, 0)


def test_a_trail_follows_a_person_and_forgets_what_is_old(store: Store) -> None:
    scene = Scene(store)
    for second in range(10):
        scene.take(PersonTracks(second * 1_000_000_000, second, (walked(1, second),)))
    (trail,) = named(scene.markers(), "trails")
    assert [point[0] for point in trail.points] == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    scene.take(PersonTracks(0, 10, (walked(1, 5.0),)))
    assert named(scene.markers(), "trails") == []


def test_a_decision_shows_at_its_plate_for_some_seconds(store: Store) -> None:
    scene = Scene(store)
    taken = CartEvent("1", "g1/1", "g1-s1-p1", 0, 1, 7, "STILL-05", 2, 0.9, Reason.WEIGHT_AND_PLACE, False, ())
    unknown = dataclasses.replace(taken, sku="", quantity=-1, track_id=0)
    scene.take(CartEvents(1, 0, 1, (taken, unknown)))
    picture = scene.markers()
    words = [marker.text for marker in named(picture, "event_names")]
    assert words == ["7 took 2 x Still water 0.5 l", "? returned 1 x ?"]
    plate = store.plates["g1-s1-p1"].centre
    assert all(marker.position[:2] == plate[:2] for marker in named(picture, "events"))
    scene.take(PersonTracks(6_000_000_000, 0, ()))
    assert named(scene.markers(), "events") == []
