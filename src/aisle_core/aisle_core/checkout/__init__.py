"""The checkout: visits, carts, receipts and the lanes of the gate."""

from .checkout import Checkout, CheckoutConfig, CheckoutInput, CheckoutOutput, CheckoutState

__all__ = ["Checkout", "CheckoutConfig", "CheckoutInput", "CheckoutOutput", "CheckoutState"]
