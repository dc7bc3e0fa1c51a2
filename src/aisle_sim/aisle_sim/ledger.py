"""What each credential truly owes: the first picker pays, unless the piece is put back on a plate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aisle_contract.truth import TruthCart, TruthLine
from aisle_sim.physical import Piece


@dataclass(slots=True)
class _Account:
    shoppers: list[str] = field(default_factory=list)
    inside: int = 0
    closed: bool = False
    pieces: dict[int, Piece] = field(default_factory=dict)


class Ledger:
    """The true carts. Every change gives a ``TruthCart``; staff has the credential "" and pays for nothing."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._payer: dict[int, str] = {}
        self._sequence = 0

    def enter(self, stamp_ns: int, credential: str, shopper: str) -> list[TruthCart]:
        """Somebody has come in."""
        if not credential:
            return []
        account = self._accounts.setdefault(credential, _Account())
        account.shoppers.append(shopper)
        account.inside += 1
        return [self._cart(stamp_ns, credential)]

    def leave(self, stamp_ns: int, credential: str, expected: int) -> list[TruthCart]:
        """Somebody has gone; the cart closes with the last, when nobody is ``expected`` to come in any more."""
        if not credential:
            return []
        account = self._accounts[credential]
        account.inside -= 1
        account.closed = account.inside == 0 and expected == 0
        return [self._cart(stamp_ns, credential)] if account.closed else []

    def pick(self, stamp_ns: int, credential: str, pieces: Iterable[Piece]) -> list[TruthCart]:
        """Pieces have left plates into the hand of somebody."""
        new = [piece for piece in pieces if piece.piece_id not in self._payer]
        if not credential or not new:
            return []
        for piece in new:
            self._payer[piece.piece_id] = credential
            self._accounts[credential].pieces[piece.piece_id] = piece
        return [self._cart(stamp_ns, credential)]

    def put_back(self, stamp_ns: int, pieces: Iterable[Piece]) -> list[TruthCart]:
        """Pieces have come onto plates, by whomever; a closed cart stays as it is."""
        payers: dict[str, None] = {}
        for piece in pieces:
            payer = self._payer.pop(piece.piece_id, None)
            if payer is not None and not self._accounts[payer].closed:
                del self._accounts[payer].pieces[piece.piece_id]
                payers[payer] = None
        return [self._cart(stamp_ns, payer) for payer in payers]

    def _cart(self, stamp_ns: int, credential: str) -> TruthCart:
        account = self._accounts[credential]
        units = Counter(piece.sku for piece in account.pieces.values())
        lines = tuple(TruthLine(sku, quantity) for sku, quantity in sorted(units.items()))
        self._sequence += 1
        return TruthCart(stamp_ns, self._sequence - 1, credential, tuple(account.shoppers), account.closed, lines)
