"""Payment providers: who holds, takes and gives back the money."""

from .provider import DeclinedError, Evidence, PaymentError, PaymentProvider, RejectedError, UnreachableError

__all__ = ["DeclinedError", "Evidence", "PaymentError", "PaymentProvider", "RejectedError", "UnreachableError"]
