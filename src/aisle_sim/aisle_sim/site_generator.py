"""Draws a whole site from a few numbers: gondolas, lanes, sensors, cameras, an assortment and its planogram.

The plan: a rectangle with the lanes and a kiosk in a zone at the front (y = 0). Behind it stand columns of gondolas
that run away from the front: one against each side wall, islands of two back to back between them, all cut by cross
aisles.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from aisle_core.errors import AisleError
from aisle_core.store import CameraModel, DepthModel, Facing, Lane, Mount, PoseSource, ScaleGateway, SiteFiles
from aisle_core.store.coverage import HEAD_HEIGHT
from aisle_core.store.files import (
    DeviceEntry,
    FixtureEntry,
    FixturesFile,
    GatesFile,
    PlateRow,
    SensorsFile,
    ShelfEntry,
    StoreFile,
)
from aisle_core.store.model import Point2, Pose, Product, Size

from .assortment import Article, draw_assortment

SHELVES = ((0.15, 0.4), (0.6, 0.35), (1.0, 0.35), (1.4, 0.3))
"""Height of the plates and free height above them, from the bottom [m]: shelves every 0.4 m, tall goods below."""
PLATES_PER_SHELF = 10
PLATES_PER_GONDOLA = PLATES_PER_SHELF * len(SHELVES)
PLATE_WIDTH, PLATE_DEPTH = 0.24, 0.4
FRAME = 0.02
"""Between the plates and the sides and front of the gondola."""
GONDOLA = Size(PLATES_PER_SHELF * PLATE_WIDTH + 2 * FRAME, 0.45, 1.7)
KIOSK = Size(0.6, 0.4, 1.4)
SELLS_WELL = 0.6
"""Share of the products that stand on two plates where there is room."""
HEADROOM = 0.02
"""For the fingers above the goods."""
NEIGHBOURHOOD = 15
"""A second place of a product is at most so many facings away from the first."""
LANE_SPACING = 1.0
LANE_FROM_FRONT = 0.4
FRONT_ZONE = (0.27, 1.5, 4.0)
"""Depth of the zone with the lanes: share of the floor's depth, least and most [m]."""
LEAST_AISLE = 1.4
"""Two people pass each other."""
DEPTH_MODEL = DepthModel(width=160, height=120, horizontal_fov=1.9, rate_hz=10.0, min_range=0.3, max_range=6.0)
"""109 deg: between stereo cameras (RealSense D455: 87 deg, 0.6-6 m) and wide time-of-flight (Azure Kinect: 120 deg)."""
OVERLAP = 0.9
"""Neighbouring sensors are at most so much of what one sees apart."""
CAMERA_MODEL = CameraModel(width=640, height=480, horizontal_fov=1.4, rate_hz=10.0)
MOST_SENSORS, MOST_PLATES = 300, 4000


@dataclass(frozen=True, slots=True)
class SiteSize:
    """What to draw; None takes what suits the area. Raises AisleError when it is out of bounds."""

    area: float
    """Of the sales floor [m2]."""
    plates: int | None = None
    sensors: int | None = None
    cameras: int | None = None
    products: int | None = None
    ceiling: float = 3.0
    """Height at which sensors hang [m]."""
    seed: int = 1

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("area", self.area, 25.0, 5000.0),
            ("plates", self.plates, 20, MOST_PLATES),
            ("sensors", self.sensors, 1, MOST_SENSORS),
            ("cameras", self.cameras, 0, MOST_SENSORS),
            ("products", self.products, 1, MOST_PLATES),
            ("ceiling", self.ceiling, 2.2, 6.0),
            ("seed", self.seed, 0, 2**63),
        ):
            if value is not None and not low <= value <= high:
                raise AisleError(f"{name} is {value:g}; give a number from {low:g} to {high:g}")


class Plan(NamedTuple):
    """Where the gondolas stand: columns against the walls and on islands, in blocks between cross aisles."""

    width: float
    depth: float
    front: float
    """Depth of the zone with the lanes."""
    islands: int
    blocks: int
    in_a_row: int
    """Gondolas along a block."""
    aisle: float
    cross: float

    def aisle_x(self) -> list[float]:
        """Middles of the aisles."""
        pitch = self.aisle + 2 * GONDOLA.depth
        return [GONDOLA.depth + self.aisle / 2 + pitch * i for i in range(self.islands + 1)]

    def block_y(self) -> list[float]:
        """Fronts of the blocks."""
        return [self.front + (self.in_a_row * GONDOLA.width + self.cross) * i for i in range(self.blocks)]


def generate_site(site_id: str, name: str, size: SiteSize) -> SiteFiles:
    """A site of this size, the same for the same seed. Raises AisleError when the plates need more floor."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", site_id):
        raise AisleError(f"'{site_id}' cannot be a store's id; give a name of letters, digits and _")
    plates, plan = _plan(size)
    rng = np.random.default_rng(size.seed)
    ceiling = _ceiling_grid(plan, size.sensors, size.ceiling)
    spots = _camera_spots(plan, size.ceiling - 0.2)
    cameras = min(len(spots), round(size.area / 10)) if size.cameras is None else size.cameras
    if cameras > len(spots):
        raise AisleError(f"there are {len(spots)} places for cameras, not {cameras}; give fewer cameras or more area")
    gondolas = _gondolas(plan, plates)
    products, facings = _planogram(gondolas, size.products or math.ceil(plates / 2.3), rng)
    return SiteFiles(
        store=StoreFile(
            store_id=site_id,
            name=name,
            currency="EUR",
            time_zone="Europe/Berlin",
            zones=("shop", "entrance"),
            floor=tuple(Point2(x, y) for x, y in ((0, 0), (plan.width, 0), (plan.width, plan.depth), (0, plan.depth))),
        ),
        fixtures=FixturesFile(fixtures=(*gondolas, _kiosk(plan))),
        sensors=SensorsFile(
            latency_profile="default",
            scale_gateways=tuple(ScaleGateway(device_id=g.fixture_id, zone="shop") for g in gondolas),
            pose_sources=(PoseSource(device_id="oracle", zone="shop"),),
            depth_models={"ceiling": DEPTH_MODEL},
            depth_sensors=tuple(
                DeviceEntry(device_id=f"d{i:0{_digits(len(ceiling))}d}", zone="shop", model="ceiling", pose=pose)
                for i, pose in enumerate(ceiling, start=1)
            ),
            camera_models={"overview": CAMERA_MODEL},
            cameras=tuple(
                DeviceEntry(device_id=f"c{i:0{_digits(cameras)}d}", zone="shop", model="overview", pose=pose)
                for i, pose in enumerate(spots[:cameras], start=1)
            ),
        ),
        gates=GatesFile(lanes=_lanes(plan)),
        products=products,
        facings=facings,
    )


def comments(site_id: str, size: SiteSize) -> dict[str, str]:
    """Texts for the tops of the files of a generated site: what they hold and how to make it again."""
    wishes = [
        f"--{field.name} {value:g}"
        for field in fields(size)
        if (value := getattr(size, field.name)) is not None and value != field.default
    ]
    return {
        "store.yaml": f"Generated: ./aisle store generate --out {site_id} {' '.join(wishes)}\n"
        "Lanes and a kiosk at the front (y = 0), behind them gondolas along aisles that run away from the front.",
        "fixtures.yaml": "In the fixture's frame: x along the front to the right, y into the shelf, z up [m].\n"
        "pose: x, y, z of the left front corner in map [m], yaw [rad]; size: width, depth, height of the body\n"
        "plates: [index, plate id, x of the left edge, width]; shelves from the bottom, plates from the left",
        "sensors.yaml": "Every gondola has a gateway that reads its plates.\n"
        'The pose source "oracle" stands in for people tracking: the simulated world tells it where bodies are.\n'
        "pose: x, y, z [m], roll, pitch, yaw [rad]; pitch pi/2 looks down, yaw pi/2 has +y of map at the image's top",
        "gates.yaml": "Ways in on the left of the front, ways out on the right. position: middle of the passage [m]",
    }


def _digits(count: int) -> int:
    return max(2, len(str(count)))


def _plan(size: SiteSize) -> tuple[int, Plan]:
    """The number of plates and their plan; without a wish as many as fit, at most four a square metre."""
    if size.plates is not None:
        plan = _arrange(size.area, _gondolas_for(size.plates))
        if plan is None:
            raise AisleError(
                f"{size.plates} plates in gondolas of {PLATES_PER_GONDOLA} do not fit into {size.area:g} m2; "
                "give more area or fewer plates"
            )
        return size.plates, plan
    most = min(MOST_PLATES, round(4 * size.area))
    fitting = ((count, _arrange(size.area, count)) for count in range(_gondolas_for(most), 0, -1))
    count, plan = next((count, plan) for count, plan in fitting if plan is not None)
    return min(most, count * PLATES_PER_GONDOLA), plan


def _gondolas_for(plates: int) -> int:
    return math.ceil(plates / PLATES_PER_GONDOLA)


def _arrange(area: float, gondolas: int) -> Plan | None:
    """The most even plan: aisles about as wide as cross aisles, few unused places; None: there is none."""
    width = round(math.sqrt(area / 1.2), 1)
    depth = round(area / width, 1)
    share, least, most = FRONT_ZONE
    front = round(min(max(share * depth, least), most), 1)
    best: tuple[float, Plan] | None = None
    for islands in range(int(width / (2 * GONDOLA.depth)) + 1):
        columns = 2 + 2 * islands
        aisle = (width - columns * GONDOLA.depth) / (islands + 1)
        rows = math.ceil(gondolas / columns)
        for blocks in range(1, rows + 1):
            in_a_row = math.ceil(rows / blocks)
            cross = (depth - front - blocks * in_a_row * GONDOLA.width) / blocks
            if min(aisle, cross) < LEAST_AISLE:
                continue
            unused = columns * blocks * in_a_row / gondolas - 1
            cost = abs(math.log(aisle / cross)) + unused
            if best is None or cost < best[0]:
                best = cost, Plan(width, depth, front, islands, blocks, in_a_row, aisle, cross)
    return best[1] if best else None


def _gondolas(plan: Plan, plates: int) -> tuple[FixtureEntry, ...]:
    """Along the shopper's way: aisle by aisle, on its left side and then on its right side."""
    poses = []
    for x, y, k in itertools.product(plan.aisle_x(), plan.block_y(), range(2 * plan.in_a_row)):
        right, step = divmod(k, plan.in_a_row)
        front = y + step * GONDOLA.width
        if right:
            poses.append(_rounded(Pose(x + plan.aisle / 2, front + GONDOLA.width, 0, -math.pi / 2)))
        else:
            poses.append(_rounded(Pose(x - plan.aisle / 2, front, 0, math.pi / 2)))
    count = _gondolas_for(plates)
    share = [plates * (i + 1) // count - plates * i // count for i in range(count)]
    return tuple(
        _gondola(f"g{i:0{_digits(count)}d}", pose, number)
        for i, (pose, number) in enumerate(zip(poses, share, strict=False), start=1)
    )


def _rounded(pose: Pose) -> Pose:
    return Pose(round(pose.x, 3), round(pose.y, 3), pose.z, round(pose.yaw, 6))


def _gondola(fixture_id: str, pose: Pose, plates: int) -> FixtureEntry:
    def shelf(index: int, z: float, clearance: float, count: int) -> ShelfEntry:
        rows = tuple(
            PlateRow(k, f"{fixture_id}-s{index}-p{k:02d}", round(FRAME + (k - 1) * PLATE_WIDTH, 3), PLATE_WIDTH)
            for k in range(1, count + 1)
        )
        return ShelfEntry(index=index, y=FRAME, z=z, depth=PLATE_DEPTH, clearance=clearance, plates=rows)

    counts = [plates * (i + 1) // len(SHELVES) - plates * i // len(SHELVES) for i in range(len(SHELVES))]
    shelves = tuple(
        shelf(i, z, clearance, count) for i, ((z, clearance), count) in enumerate(zip(SHELVES, counts, strict=True), 1)
    )
    return FixtureEntry(fixture_id=fixture_id, kind="gondola", pose=pose, size=GONDOLA, shelves=shelves)


def _kiosk(plan: Plan) -> FixtureEntry:
    """Against the middle of the front wall, its screen towards the shop."""
    pose = _rounded(Pose(plan.width / 2 + KIOSK.width / 2, KIOSK.depth, 0, math.pi))
    return FixtureEntry(fixture_id="kiosk1", kind="kiosk", pose=pose, size=KIOSK, shelves=())


def _lanes(plan: Plan) -> tuple[Lane, ...]:
    """Entries on the left of the front, exits on the right, each as many as about 30 m2 a square need."""
    count = max(1, min(round(math.sqrt(plan.width * plan.depth / 30)), int((plan.width / 2 - 1) / LANE_SPACING)))
    return tuple(
        Lane(
            lane_id=f"{direction}{i + 1}",
            zone="entrance",
            direction=direction,
            position=Point2(
                round(1.0 + LANE_SPACING * i if direction == "in" else plan.width - 1.0 - LANE_SPACING * i, 3),
                LANE_FROM_FRONT,
            ),
        )
        for direction in ("in", "out")
        for i in range(count)
    )


def _ceiling_grid(plan: Plan, wish: int | None, height: float) -> list[Mount]:
    """Lines of sensors along the aisles, looking straight down, the wide side of the image across the aisle.

    As many lines an aisle as make the pattern tightest for what a sensor sees at the height of a head.
    """
    wide = 2 * math.tan(DEPTH_MODEL.horizontal_fov / 2) * (height - HEAD_HEIGHT)
    high = wide * DEPTH_MODEL.height / DEPTH_MODEL.width
    aisles = len(plan.aisle_x())

    def across(lines: int) -> float:
        return (plan.aisle / lines + 2 * GONDOLA.depth) / wide

    if wish is None:
        lines = next(k for k in itertools.count(1) if across(k) <= OVERLAP or plan.aisle / k < LEAST_AISLE / 2)
        count = min(MOST_SENSORS, aisles * lines * math.ceil(plan.depth / (OVERLAP * high)))
    else:
        count = wish
        lines = min(range(1, 6), key=lambda k: max(across(k), plan.depth * aisles * k / count / high))
    xs = [x + plan.aisle * ((k + 0.5) / lines - 0.5) for x in plan.aisle_x() for k in range(lines)]
    numbers = [count * (i + 1) // len(xs) - count * i // len(xs) for i in range(len(xs))]
    down, along_aisle = round(math.pi / 2, 6), round(math.pi / 2, 6)
    places = sorted(
        (round(plan.depth * (k + 0.5) / number, 3), round(x, 3))
        for x, number in zip(xs, numbers, strict=True)
        for k in range(number)
    )
    return [Mount(x, y, height, 0.0, down, along_aisle) for y, x in places]


def _camera_spots(plan: Plan, height: float) -> list[Mount]:
    """Over the front zone towards the lanes, then into every aisle from the front, then from the back."""
    block = plan.in_a_row * GONDOLA.width
    pitch, to_back, to_front = 0.6, round(math.pi / 2, 6), round(-math.pi / 2, 6)
    spots = [(x, plan.front, to_front) for x in plan.aisle_x()]
    spots += [(x, y - 0.8, to_back) for y in plan.block_y() for x in plan.aisle_x()]
    spots += [(x, y + block + 0.8, to_front) for y in reversed(plan.block_y()) for x in plan.aisle_x()]
    return [Mount(round(x, 3), round(y, 3), round(height, 3), 0.0, pitch, yaw) for x, y, yaw in spots]


def _planogram(
    gondolas: Sequence[FixtureEntry], count: int, rng: np.random.Generator
) -> tuple[tuple[Product, ...], tuple[Facing, ...]]:
    """Departments follow each other along the gondolas; tall goods stand where they fit.

    A product that is wider than a plate, or sells well, stands on two; spare plates become second places nearby.
    Where nothing fits, plates stay empty.
    """
    articles = draw_assortment(count, rng)
    plates = sum(len(shelf.plates) for gondola in gondolas for shelf in gondola.shelves)
    needed = [2 if article.size.width > PLATE_WIDTH else 1 for article in articles]
    spare = min(len(articles), plates - sum(needed))
    for i in rng.permutation(len(articles))[: max(0, int(SELLS_WELL * spare))]:
        needed[i] = 2
    line = list(range(len(articles)))
    for i in rng.integers(len(articles), size=plates):
        if sum(needed[k] for k in line) >= plates:
            break
        near = line.index(int(i)) + int(rng.integers(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1))
        line.insert(max(0, near), int(i))
    facings: list[Facing] = []
    for gondola in gondolas:
        next_in_line = 2 * len(gondola.shelves[0].plates)
        for shelf in gondola.shelves:
            chosen = _choose(line[:next_in_line], articles, needed, gondola, shelf)
            free = iter(row.plate_id for row in shelf.plates)
            for place in chosen:
                article = line[place]
                facings.append(
                    Facing(
                        facing_id=f"f{len(facings) + 1:0{_digits(plates)}d}",
                        sku=articles[article].product.sku,
                        plate_ids=tuple(itertools.islice(free, needed[article])),
                    )
                )
            for place in reversed(chosen):
                del line[place]
    used = {facing.sku for facing in facings}
    return tuple(a.product for a in articles if a.product.sku in used), tuple(facings)


def _choose(
    line: Sequence[int], articles: Sequence[Article], needed: Sequence[int], gondola: FixtureEntry, shelf: ShelfEntry
) -> list[int]:
    """Places in the line of the goods for a shelf, in the line's order; those go first that fit on few shelves."""

    def shelves(place: int) -> int:
        return sum(articles[line[place]].size.height <= other.clearance - HEADROOM for other in gondola.shelves)

    free = len(shelf.plates)
    chosen = []
    for place in sorted(range(len(line)), key=shelves):
        size = articles[line[place]].size
        if size.height <= shelf.clearance - HEADROOM and size.depth <= shelf.depth and needed[line[place]] <= free:
            chosen.append(place)
            free -= needed[line[place]]
    return sorted(chosen)
