"""The office's pages: receipts by link, the kiosk in the store, the console of the staff; and the API beside them."""
