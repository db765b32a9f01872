"""Document stores; their drivers come with the extra `stores`, and each is imported when it is asked for."""

from importlib import import_module
from typing import Any

from ..common.storage import OpeaStore

_CLASSES = {"arangodb": "ArangoDBStore", "mongodb": "MongoDBStore", "redis": "RedisDBStore"}
_MODULES = {"arangodb": "arangodb", "mongodb": "mongodb", "redis": "redisdb"}


def opea_store(name: str, *args: Any, **kwargs: Any) -> OpeaStore:
    """The store "arangodb", "redis" or "mongodb". Raises ValueError for another name."""
    if name not in _CLASSES:
        raise ValueError(f"Unknown Data Store: {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), _CLASSES[name])(name, *args, **kwargs)


def __getattr__(name: str) -> Any:
    for store, class_name in _CLASSES.items():
        if name == class_name:
            return getattr(import_module(f"{__name__}.{_MODULES[store]}"), class_name)
    raise AttributeError(name)
