"""Small tools of services: ports, model lists, tokens, prompts out of messages."""

import json
import socket
from types import TracebackType
from typing import Any, Dict, List, Optional, Tuple, Type, Union

from comps._errors import MessageError
from comps._images import image_text

from .logger import CustomLogger


def is_port_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as session:
        return session.connect_ex((host, port)) != 0


def check_ports_availability(host: Union[str, List[str]], port: Union[int, List[int]]) -> bool:
    """Whether nobody listens on any of these ports of any of these hosts."""
    hosts = [host] if isinstance(host, str) else host
    ports = [port] if isinstance(port, int) else port
    return all(is_port_free(one, number) for one in hosts for number in ports)


class ConfigError(Exception):
    """A configuration that cannot be used."""


def load_model_configs(model_configs: str) -> Dict[str, dict]:
    """The models of a JSON array, by model_name. Raises ConfigError for what is no list of whole models."""
    required = ("model_name", "displayName", "endpoint", "minToken", "maxToken")
    try:
        configs = json.loads(model_configs)
    except json.JSONDecodeError as error:
        raise ConfigError("MODEL_CONFIGS is not valid JSON.") from error
    if not isinstance(configs, list) or not configs:
        raise ConfigError("MODEL_CONFIGS must be a non-empty JSON array.")
    for config in configs:
        missing = [key for key in required if key not in config]
        if missing:
            raise ConfigError(f"Missing required configuration fields: {missing}")
        empty = [key for key in required if not config[key]]
        if empty:
            raise ConfigError(f"Empty values found for configuration fields: {empty}")
    return {config["model_name"]: config for config in configs}


def get_access_token(token_url: str, client_id: str, client_secret: str) -> str:
    """A token by OAuth's client credentials; "" when the server gives none."""
    from urllib.error import URLError
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    form = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
    request = Request(token_url, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    try:
        with urlopen(request, timeout=30) as response:
            return json.load(response).get("access_token", "")
    except (URLError, ValueError) as error:
        CustomLogger("tgi_or_tei_service_auth").error(f"Failed to retrieve access token: {error}")
        return ""


class SafeContextManager:
    """Leaves another context also when entering something in between raised."""

    def __init__(self, context_to_manage: Any):
        self.context_to_manage = context_to_manage

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc_val: Optional[BaseException],
        exc_tb: Optional[TracebackType],
    ) -> None:
        if exc_type:
            self.context_to_manage.__exit__(exc_type, exc_val, exc_tb)


def handle_message(messages: Union[str, List[dict]]) -> Union[str, Tuple[str, List[str]]]:
    """The prompt of a conversation; with its images as (prompt, images) when there are some.

    A system message leads, each other turn is a line "role: content". An image is given on as the message has it, in
    base64; what a message merely names - a URL, a file - is neither fetched nor read unless the operator allows it, see
    comps._images. Raises MessageError, a ValueError that FastAPI answers with 400, for what is no conversation.
    """
    if isinstance(messages, str):
        return messages
    prompt = ""
    turns = []
    images: List[str] = []
    for message in messages:
        role, content = _role_and_content(message)
        if role == "system":
            prompt = f"{content}\n" if content else ""
        elif role not in ("user", "assistant"):
            raise MessageError(f"Unknown role: {role}")
        elif role == "user" and isinstance(content, list):
            text, names = _parts(content)
            turns.append((role, text))
            images += [image_text(name) for name in names]
        else:
            turns.append((role, content))
    for role, text in turns:
        prompt += f"{role}: {text}\n" if text else f"{role}:"
    return (prompt, images) if images else prompt


def _role_and_content(message: dict) -> Tuple[str, Any]:
    try:
        return message["role"], message["content"]
    except (KeyError, TypeError) as error:
        raise MessageError("a message has a role and a content") from error


def _parts(content: List[dict]) -> Tuple[str, List[str]]:
    """The text of a message with parts, and the names of its images."""
    try:
        texts = [part["text"] for part in content if part["type"] == "text"]
        return "\n".join(texts), [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    except (KeyError, TypeError) as error:
        raise MessageError("a part of a message has a type, and a text or an image_url with a url") from error


def sanitize_env(value: Optional[str]) -> Optional[str]:
    """The value without the pair of quotes around it."""
    if value is not None and len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


__all__ = [
    "ConfigError",
    "SafeContextManager",
    "check_ports_availability",
    "get_access_token",
    "handle_message",
    "is_port_free",
    "load_model_configs",
    "sanitize_env",
]
