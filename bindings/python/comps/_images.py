"""Images that messages name.

A message comes from anybody. If its `image_url` were fetched or opened as it stands, anybody could read this machine's
files and ask its network's services (SSRF). So a name is given on as it is, for the model's own server to load or refuse,
unless the operator says otherwise:

    OPALINE_IMAGE_FOLDER=/srv/images   images below this folder are read
    OPALINE_IMAGE_FETCH=1              images are fetched from public addresses, without redirects, 20 MB and 10 s at most

An image that was read or fetched becomes PNG in base64 when Pillow is installed, else its own bytes in base64.
"""

import base64
import http.client
import io
import ipaddress
import os
import socket
import ssl
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

BYTES_MAX = 20 * 1024 * 1024
SECONDS_MAX = 10


def image_text(name: str) -> str:
    """The image in base64, or the name itself."""
    data = _fetched(name) if name.startswith(("http://", "https://")) else _read(name)
    return name if data is None else base64.b64encode(_as_png(data)).decode()


def _read(name: str) -> Optional[bytes]:
    folder = os.environ.get("OPALINE_IMAGE_FOLDER")
    if not folder or len(name) > 4096 or "\0" in name:
        return None
    root = Path(folder).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > BYTES_MAX:
        return None
    return path.read_bytes()


def _fetched(url: str) -> Optional[bytes]:
    if os.environ.get("OPALINE_IMAGE_FETCH", "") not in ("1", "true"):
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _public_address(host, port)
    # The address that was checked is the one that is asked: a name may mean another one a moment later.
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS_MAX)
    connection.sock = socket.create_connection((address, port), timeout=SECONDS_MAX)
    try:
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host
            )
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "image/*"})
        response = connection.getresponse()
        data = response.read(BYTES_MAX + 1)
        if response.status != 200 or len(data) > BYTES_MAX:
            raise ValueError(f"the image at {host} cannot be had: status {response.status}")
        return data
    finally:
        connection.close()


def _public_address(host: str, port: int) -> str:
    """An address of the host, all of which are on the public network. Raises ValueError otherwise."""
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    if not all(ipaddress.ip_address(address).is_global for address in addresses):
        raise ValueError(f"{host} is not on the public network; images are fetched from there only")
    return sorted(addresses)[0]


def _as_png(data: bytes) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        return data
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGBA").save(out, format="PNG")
    return out.getvalue()
