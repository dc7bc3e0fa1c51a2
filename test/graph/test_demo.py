"""./aisle demo ends in receipts."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")


def test_the_demo_shows_who_took_what_and_ends_in_three_receipts(aisle) -> None:
    demo = aisle("demo", "--rate", "5")
    assert demo.wait(150) == 0, demo.text()[-4000:]
    text = demo.text()
    assert "3 receipts" in text
    assert "took 1" in text and "weight and place agree" in text
    assert "put back" in text and "it has no price" in text
