"""What every document store offers."""

from abc import ABC, abstractmethod
from typing import Any, Dict, List, Optional


class OpeaStore(ABC):
    """A store of documents, which are dicts.

    Each operation comes twice: `save_document` waits, `asave_document` is a coroutine. A store may leave either out; the
    one that it has not raises NotImplementedError.
    """

    def __init__(self, name: str, description: str = "", config: Optional[Dict[str, Any]] = None):
        self.name = name
        self.description = description
        self.config = {} if config is None else config

    def get_meta(self) -> Dict[str, Any]:
        """What it is: name, description, config."""
        return {"name": self.name, "description": self.description, "config": self.config}

    def update_config(self, key: str, value: Any) -> None:
        """Sets one value of the configuration."""
        self.config[key] = value

    @abstractmethod
    def health_check(self) -> bool:
        """Whether it can be used."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, description={self.description})"

    def _lacks(self, operation: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {operation}().")

    def save_document(self, doc: dict, **kwargs: Any) -> Any:
        """Stores a document; what identifies it."""
        raise self._lacks("save_document")

    async def asave_document(self, doc: dict, **kwargs: Any) -> str:
        """Stores a document; what identifies it."""
        raise self._lacks("asave_document")

    def save_documents(self, docs: List[dict], **kwargs: Any) -> Any:
        """Stores several."""
        raise self._lacks("save_documents")

    async def asave_documents(self, docs: List[dict], **kwargs: Any) -> Any:
        """Stores several."""
        raise self._lacks("asave_documents")

    def update_document(self, doc: dict, **kwargs: Any) -> Any:
        """Changes a document, which carries its id."""
        raise self._lacks("update_document")

    async def aupdate_document(self, doc: dict, **kwargs: Any) -> bool:
        """Changes a document, which carries its id."""
        raise self._lacks("aupdate_document")

    def update_documents(self, docs: List[dict], **kwargs: Any) -> Any:
        """Changes several."""
        raise self._lacks("update_documents")

    async def aupdate_documents(self, docs: List[dict], **kwargs: Any) -> bool:
        """Changes several."""
        raise self._lacks("aupdate_documents")

    def get_document_by_id(self, id: str, **kwargs: Any) -> Optional[dict]:
        """The document, or None."""
        raise self._lacks("get_document_by_id")

    async def aget_document_by_id(self, id: str, **kwargs: Any) -> Optional[dict]:
        """The document, or None."""
        raise self._lacks("aget_document_by_id")

    def get_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[dict]:
        """Those of the documents that there are."""
        raise self._lacks("get_documents_by_ids")

    async def aget_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[dict]:
        """Those of the documents that there are."""
        raise self._lacks("aget_documents_by_ids")

    def delete_document(self, id: str, **kwargs: Any) -> Any:
        """Removes a document; whether there was one."""
        raise self._lacks("delete_document")

    async def adelete_document(self, id: str, **kwargs: Any) -> bool:
        """Removes a document; whether there was one."""
        raise self._lacks("adelete_document")

    def delete_documents(self, ids: List[str], **kwargs: Any) -> Any:
        """Removes several; whether there were any."""
        raise self._lacks("delete_documents")

    async def adelete_documents(self, ids: List[str], **kwargs: Any) -> bool:
        """Removes several; whether there were any."""
        raise self._lacks("adelete_documents")

    def search(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[dict]:
        """Documents whose field is the value ("exact") or has it in it ("contains")."""
        raise self._lacks("search")

    async def asearch(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[dict]:
        """Documents whose field is the value ("exact") or has it in it ("contains")."""
        raise self._lacks("asearch")

    async def asearch_by_keyword(self, keyword: str, max_results: int = 5, **kwargs: Any) -> List[dict]:
        """The documents that have the word, best first."""
        raise self._lacks("asearch_by_keyword")
