"""The store that the environment chooses: OPEA_STORE_NAME is mongodb, arangodb or redis."""

import os
from typing import Any, Dict

from comps.cores.common.storage import OpeaStore

from . import opea_store

#: The field that identifies a document.
STORE_ID_COLS = {"mongodb": "_id", "arangodb": "_id", "redis": "id"}

_DEFAULTS: Dict[str, Dict[str, Any]] = {
    "mongodb": {
        "MONGO_HOST": "localhost",
        "MONGO_PORT": 27017,
        "DB_NAME": "OPEA",
        "COLLECTION_NAME": "ChatHistory",
    },
    "arangodb": {
        "ARANGODB_HOST": "http://localhost:8529",
        "ARANGODB_USERNAME": "root",
        "ARANGODB_PASSWORD": "",
        "ARANGODB_DB_NAME": "_system",
        "ARANGODB_COLLECTION_NAME": "default",
    },
    "redis": {
        "REDIS_URL": "redis://localhost:6379",
        "INDEX_NAME": "opea:index",
        "DOC_PREFIX": "doc:",
        "AUTO_CREATE_INDEX": True,
    },
}
_PRIVATE = {"mongodb": ("_id",), "arangodb": ("_key", "_id", "_rev", "_oldRev"), "redis": ()}


def get_store_name() -> str:
    """The chosen store. Raises Exception when OPEA_STORE_NAME is not set, or names none."""
    name = os.getenv("OPEA_STORE_NAME")
    if not name:
        raise Exception(
            "Environment variable 'OPEA_STORE_NAME' is not set. "
            "Please configure it with a supported storage backend name (mongodb, arangodb, redis)."
        )
    if name.lower() not in STORE_ID_COLS:
        raise Exception(
            f"Storage backend '{name}' is not supported. Supported backends are: mongodb, arangodb, redis"
        )
    return name.lower()


def _get_store_cfg(user: str) -> Dict[str, Any]:
    name = get_store_name()
    config = {key: os.getenv(key, default) for key, default in _DEFAULTS[name].items()}
    config["user"] = user
    if name == "arangodb":
        config["is_async"] = True
    if isinstance(config.get("AUTO_CREATE_INDEX"), str):
        config["AUTO_CREATE_INDEX"] = config["AUTO_CREATE_INDEX"].lower() in ("1", "true", "yes")
    return config


def get_store(user: str) -> OpeaStore:
    """The chosen store, for that user. Raises Exception without a user, or when the store cannot be used."""
    if not user:
        raise Exception(
            "User information is required to initialize the data store. Please provide a valid user identifier."
        )
    name = get_store_name()
    store: Any = opea_store(name, config=_get_store_cfg(user))
    if name == "mongodb":
        store._initialize_db()  # The others connect at their first operation.
    if not store.health_check():
        raise Exception(
            f"Failed to establish a healthy connection to {name} storage backend. "
            "Please check your configuration and ensure the storage service is running."
        )
    return store


def remove_db_private_cols(doc: dict) -> dict:
    """The document without the fields that are the store's own."""
    for field in _PRIVATE[get_store_name()]:
        doc.pop(field, None)
    return doc


def prepersist(col_name: str, doc: dict) -> dict:
    """The document with its id under the store's name for it instead of `col_name`."""
    if col_name and col_name in doc:
        doc[get_id_col_name()] = doc.pop(col_name)
    return doc


def postget(col_name: str, doc: dict) -> dict:
    """The document with its id under `col_name` instead of the store's name for it."""
    id_name = get_id_col_name()
    if col_name and id_name in doc:
        doc[col_name] = str(doc.pop(id_name))
    return remove_db_private_cols(doc)


def get_id_col_name() -> str:
    """The chosen store's name for a document's id."""
    return STORE_ID_COLS[get_store_name()]
