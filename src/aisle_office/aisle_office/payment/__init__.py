"""Payment providers: who holds, takes and gives back the money."""

from .provider import DeclinedError, PaymentError, PaymentProvider, RejectedError, UnreachableError

__all__ = ["DeclinedError", "PaymentError", "PaymentProvider", "RejectedError", "UnreachableError"]
