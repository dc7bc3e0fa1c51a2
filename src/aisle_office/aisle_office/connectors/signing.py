"""Signed requests: AWS Signature Version 4, which the retailers' gateways check already."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(rf"{_ALGORITHM} Credential=[^,]+,\s*SignedHeaders=(?P<names>[a-z0-9;-]+),\s*Signature=\w+")
_MOST_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key that the retailer gives. ``service`` and ``region``: what it is for."""

    key_id: str
    secret: str = field(repr=False)
    region: str
    service: str = "execute-api"


def signed(
    method: str, url: str, headers: Mapping[str, str], body: bytes, credentials: Credentials, now: datetime.datetime
) -> dict[str, str]:
    """The headers with ``X-Amz-Date`` and ``Authorization``; every header that is given is signed.

    url: with an absolute path of unreserved characters and without a query. now: UTC.
    """
    address = urlsplit(url)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    sent = {name.lower(): value for name, value in headers.items()} | {"host": address.netloc, "x-amz-date": stamp}
    names = ";".join(sorted(sent))
    lines = [
        method,
        address.path or "/",
        "",
        *(f"{name}:{' '.join(sent[name].split())}" for name in sorted(sent)),
        "",
        names,
        hashlib.sha256(body).hexdigest(),
    ]
    scope = f"{day}/{credentials.region}/{credentials.service}/aws4_request"
    text = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
    del sent["host"]
    return sent | {
        "authorization": (
            f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    }


def is_signed(
    method: str, path: str, headers: Mapping[str, str], body: bytes, credentials: Credentials, now: datetime.datetime
) -> bool:
    """Whether a request that came was signed with these credentials within the last five minutes.

    path: as it came, without a query. headers: with names in lower case. now: UTC.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    try:
        stamp = datetime.datetime.strptime(headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        return False
    if match is None or abs(now - stamp) > _MOST_SKEW:
        return False
    names = match["names"].split(";")
    if not {"host", "x-amz-date"} <= set(names) <= headers.keys():
        return False
    given = {name: headers[name] for name in names if name not in ("host", "x-amz-date")}
    expected = signed(method, f"https://{headers['host']}{path}", given, body, credentials, stamp)["authorization"]
    return hmac.compare_digest(expected.replace(" ", ""), headers["authorization"].replace(" ", ""))
