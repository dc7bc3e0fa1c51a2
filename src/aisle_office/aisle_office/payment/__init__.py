"""Payment providers: who holds, takes and gives back the money."""

from .provider import (
    CardReaders,
    DeclinedError,
    Evidence,
    PaymentError,
    PaymentProvider,
    RejectedError,
    Tap,
    UnreachableError,
)

__all__ = [
    "CardReaders",
    "DeclinedError",
    "Evidence",
    "PaymentError",
    "PaymentProvider",
    "RejectedError",
    "Tap",
    "UnreachableError",
]
