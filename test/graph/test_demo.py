"""./aisle demo ends in receipts."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")


def test_the_demo_simulates_a_store_and_ends_in_mailed_receipts(aisle, tmp_path) -> None:
    folder = str(tmp_path / "office")
    demo = aisle("demo", "--site", "corner", "--scenario", "long_hold", "--rate", "3", "--office", folder)
    assert demo.wait(150) == 0, demo.text()[-4000:]
    text = demo.text()
    assert "1 receipt," in text
    assert "took 1" in text and "weight and place agree" in text
    assert "1 of 1 receipts of Corner shop are exactly what the shoppers took" in text
    paid = "1 paid receipts: 1.49 EUR with deposits and promotions; captured: 1.49 EUR; the provider has 1.49 EUR."
    assert paid in text
    (mail,) = (tmp_path / "office" / "mail").glob("*.eml")
    assert b"application/pdf" in mail.read_bytes()
    assert "/kiosk?key=" in text and "/console, account 'demo'" in text


def test_the_demo_plays_a_bag(aisle, corner_bag) -> None:
    demo = aisle("demo", "--bag", str(corner_bag), "--rate", "10")
    assert demo.wait(150) == 0, demo.text()[-4000:]
    assert "3 receipts" in demo.text()
