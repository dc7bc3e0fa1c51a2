"""A server that answers the few calls of Stripe's API that are used, as its reference describes them."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

Answer = tuple[int, dict[str, Any]]


class FakeStripe:
    """``fail``: the next answers, as HTTP status, sent after the call was done; 0: as it should be."""

    def __init__(self) -> None:
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.files: list[str] = []
        self.disputes: dict[str, dict[str, Any]] = {}
        self.readers: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Answer] = {}
        self.fail: list[int] = []
        self.calls: list[tuple[str, dict[str, str], str]] = []

    def post(self, path: str, form: dict[str, str], key: str) -> Answer:
        self.calls.append((path, form, key))
        if key not in self.answers:
            self.answers[key] = self._act(path, form)
        return self.answers[key]

    def get(self, path: str) -> Answer:
        kind, _, name = path.partition("?")[0].removeprefix("/v1/").rpartition("/")
        kinds = {"payment_intents": self.intents, "disputes": self.disputes, "terminal/readers": self.readers}
        found = kinds[kind].get(name)
        return (200, found) if found else _refusal("resource_missing", 404)

    def _act(self, path: str, form: dict[str, str]) -> Answer:
        parts = path.removeprefix("/v1/").split("/")
        if parts == ["payment_intents"]:
            return self._create(form)
        if parts[:2] == ["terminal", "readers"]:
            self.readers[parts[2]]["action"] = _action("in_progress", form["payment_intent"])
            return 200, dict(self.readers[parts[2]])
        if parts == ["files"]:
            self.files.append(form["content"])
            return 200, {"id": f"file_{len(self.files) - 1}", "object": "file"}
        if parts[0] == "disputes":
            return self._contest(parts[1], form)
        if parts == ["refunds"]:
            intent = self.intents[form["payment_intent"]]
            back = sum(refund["amount"] for refund in self.refunds) + int(form["amount"])
            if back > intent["amount_received"]:
                return _refusal("charge_already_refunded")
            refund = {"id": f"re_{len(self.refunds)}", "object": "refund", "status": "succeeded"}
            self.refunds.append(refund | {"amount": int(form["amount"])})
            return 200, self.refunds[-1]
        intent, action = self.intents[parts[1]], parts[2]
        waits = action == "cancel" and intent["status"] == "requires_payment_method"
        if intent["status"] != "requires_capture" and not waits:
            return _refusal("payment_intent_unexpected_state")
        match action:
            case "increment_authorization":
                if intent["payment_method"] == "pm_no_more":
                    return _refusal("payment_intent_incremental_authorization_not_supported")
                intent["amount"] = int(form["amount"])
            case "capture":
                intent |= {"status": "succeeded", "amount_received": int(form["amount_to_capture"])}
            case "cancel":
                intent["status"] = "canceled"
        return 200, dict(intent)

    def _contest(self, dispute_id: str, form: dict[str, str]) -> Answer:
        """Evidence is submitted once."""
        dispute = self.disputes.get(dispute_id)
        if dispute is None:
            return _refusal("resource_missing", 404)
        if dispute["status"] != "needs_response":
            return _refusal("dispute_already_submitted")
        dispute |= {"status": "under_review", "evidence": form, "evidence_details": {"submission_count": 1}}
        return 200, {"id": dispute_id, "object": "dispute"}

    def dispute(self, dispute_id: str) -> None:
        """A card's bank takes money back."""
        details = {"submission_count": 0}
        self.disputes[dispute_id] = {
            "id": dispute_id,
            "object": "dispute",
            "status": "needs_response",
            "evidence_details": details,
        }

    def reader(self, reader_id: str) -> None:
        """A reader that does nothing yet."""
        self.readers[reader_id] = {"id": reader_id, "object": "terminal.reader", "action": None}

    def tap(self, reader_id: str, card: str, created_s: int) -> str:
        """Somebody holds a card to a reader that asks for one; gives the authorisation."""
        action = self.readers[reader_id]["action"]
        assert action is not None and action["status"] == "in_progress"
        intent = self.intents[action["process_payment_intent"]["payment_intent"]]
        if card == "declined":
            self.readers[reader_id]["action"] = _action("failed", intent["id"])
            return str(intent["id"])
        details = {"type": "card_present", "card_present": {"fingerprint": card}}
        charge = {"id": "ch_1", "object": "charge", "created": created_s, "payment_method_details": details}
        intent |= {"status": "requires_capture", "latest_charge": charge}
        self.readers[reader_id]["action"] = _action("succeeded", intent["id"])
        return str(intent["id"])

    def _create(self, form: dict[str, str]) -> Answer:
        method = form.get("payment_method", "")
        status = "requires_action" if method == "pm_3ds" else "requires_capture"
        if method == "pm_declined":
            return 402, {"error": {"type": "card_error", "code": "card_declined", "message": "no"}}
        intent = {
            "id": f"pi_{len(self.intents)}",
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "amount_received": 0,
            "currency": form["currency"],
            "payment_method": method,
            "status": status if method else "requires_payment_method",
        }
        self.intents[intent["id"]] = intent
        return 200, dict(intent)


def _action(status: str, intent_id: str) -> dict[str, Any]:
    asked = {"payment_intent": intent_id}
    return {"type": "process_payment_intent", "status": status, "process_payment_intent": asked}


def _refusal(code: str, status: int = 400) -> Answer:
    return status, {"error": {"type": "invalid_request_error", "code": code, "message": code}}


@contextmanager
def serving() -> Iterator[tuple[FakeStripe, str]]:
    """The server and its address."""
    fake = FakeStripe()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Authorization"] == "Bearer sk_test_1"
            is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            form = dict(parse_qsl(body.decode())) if is_form else {"content": body.decode("latin-1")}
            key = self.headers["Idempotency-Key"]
            self._send(fake.post(self.path, form, key))

        def do_GET(self) -> None:
            self._send(fake.get(self.path))

        def _send(self, answer: Answer) -> None:
            failed = fake.fail.pop(0) if fake.fail else 0
            status, document = (failed, {"error": {}}) if failed else answer
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
