"""The whole flow gives exactly the true receipts of the synthetic recordings."""

from pathlib import Path

import pytest

from aisle_core.pipeline import Pipeline, PipelineConfig
from aisle_core.store import Store, load_store
from aisle_core.types import CloseReason, Receipt
from aisle_replay.replay import load_config
from aisle_sim.synthetic import Recording, recording

CONFIG = Path(__file__).resolve().parents[3] / "config"
SEEDS = range(10)


@pytest.fixture(scope="module")
def store() -> Store:
    return load_store(CONFIG / "stores" / "demo")


@pytest.fixture(scope="module")
def tuning() -> PipelineConfig:
    return load_config(CONFIG)


def receipts_of(made: Recording, store: Store, tuning: PipelineConfig) -> list[Receipt]:
    pipeline = Pipeline(tuning, store)
    outputs = [output for arrival in made.items for output in pipeline.push(arrival.item)]
    return [output for output in outputs + pipeline.finish() if isinstance(output, Receipt)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_receipts_are_the_true_ones(store: Store, tuning: PipelineConfig, seed: int) -> None:
    made = recording(store, seed)
    receipts = receipts_of(made, store, tuning)
    assert {
        receipt.credential: {line.sku: line.quantity for line in receipt.lines} for receipt in receipts
    } == made.truth.receipts
    assert all(receipt.close_reason is CloseReason.EXIT for receipt in receipts)


def test_what_has_no_price_is_reviewed_and_charged_nothing(store: Store, tuning: PipelineConfig) -> None:
    receipts = receipts_of(recording(store, 0), store, tuning)
    unpriced = [(receipt, line) for receipt in receipts for line in receipt.lines if line.unit_price_minor is None]
    assert len(unpriced) == 1
    for receipt, line in unpriced:
        assert line.review and receipt.review and line.amount_minor == 0
