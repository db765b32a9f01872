"""Documents in ArangoDB."""

import re
from typing import Any, Dict, List, Optional, Tuple

from ..common.storage import OpeaStore
from ..mega.logger import CustomLogger

logger = CustomLogger("ArangoDBStore")

#: The field's path is bound, never written into a query.
_FILTERS = {
    "exact": "doc.@path == @value",
    "contains": "CONTAINS(doc.@path, @value)",
    "starts_with": "STARTS_WITH(doc.@path, @value)",
    "ends_with": "RIGHT(doc.@path, LENGTH(@value)) == @value",
    "regex": "REGEX_TEST(doc.@path, @value)",
}
_FIELD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class ArangoDBStore(OpeaStore):
    """A collection.

    Config: ARANGODB_HOST, ARANGODB_USERNAME, ARANGODB_PASSWORD, ARANGODB_DB_NAME, ARANGODB_COLLECTION_NAME; is_async;
    client, db and collection when they are there already.
    """

    IS_ASYNC_DEFAULT = True

    def __init__(self, name: str, description: str = "", config: Optional[Dict[str, Any]] = None):
        super().__init__(name, description, config)
        self.client: Any = self.config.get("client")
        self.db: Any = self.config.get("db")
        self.collection: Any = self.config.get("collection")
        self.is_async = self.config.get("is_async", self.IS_ASYNC_DEFAULT)
        self._async_initialized = False

    # ---- connection ----

    def _setting(self, name: str, default: str) -> str:
        return self.config.get(f"ARANGODB_{name}", default)

    def _initialize_connection_sync(self) -> None:
        """Connects, when the store is not asynchronous."""
        if self.is_async:
            return
        from arango import ArangoClient

        if self.client is None:
            self.client = ArangoClient(hosts=self._setting("HOST", "http://localhost:8529"))
        if self.db is None:
            self.db = self.client.db(
                self._setting("DB_NAME", "_system"),
                username=self._setting("USERNAME", "root"),
                password=self._setting("PASSWORD", ""),
                verify=True,
            )
        if self.collection is None:
            name = self._setting("COLLECTION_NAME", "default")
            there = self.db.has_collection(name)
            self.collection = self.db.collection(name) if there else self.db.create_collection(name)

    async def _ensure_async_initialized(self) -> None:
        if not self.is_async or self._async_initialized:
            return
        from arangoasync import ArangoClient
        from arangoasync.auth import Auth

        if self.client is None:
            self.client = ArangoClient(hosts=self._setting("HOST", "http://localhost:8529"))
        if self.db is None:
            auth = Auth(username=self._setting("USERNAME", "root"), password=self._setting("PASSWORD", ""))
            self.db = await self.client.db(self._setting("DB_NAME", "_system"), auth=auth)
        if self.collection is None:
            name = self._setting("COLLECTION_NAME", "default")
            if await self.db.has_collection(name):
                self.collection = self.db.collection(name)
            else:
                self.collection = await self.db.create_collection(name)
        self._async_initialized = True

    def health_check(self) -> bool:
        """Whether the database answers; an asynchronous store connects at its first operation and is taken for well."""
        if self.is_async:
            return True
        try:
            return self.db is not None and bool(self.db.version())
        except Exception as error:
            logger.error(f"Health check failed: {error}")
            return False

    # ---- one by one, asynchronously ----

    async def asave_document(self, doc: dict, **kwargs: Any) -> str:
        await self._ensure_async_initialized()
        doc.pop("_id", None)
        return (await self.collection.insert(doc))["_id"]

    async def asave_documents(self, docs: List[dict], **kwargs: Any) -> List[str]:
        return [await self.asave_document(doc, **kwargs) for doc in docs]

    async def aupdate_document(self, doc: dict, **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        return bool((await self.collection.update(doc, **kwargs)).get("_id"))

    async def aupdate_documents(self, docs: List[dict], **kwargs: Any) -> bool:
        return all([await self.aupdate_document(doc, **kwargs) for doc in docs])

    async def aget_document_by_id(self, id: str, **kwargs: Any) -> Optional[dict]:
        await self._ensure_async_initialized()
        return await self.collection.get(id, **kwargs)

    async def aget_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[dict]:
        found = [await self.aget_document_by_id(id, **kwargs) for id in ids]
        return [doc for doc in found if doc]

    async def adelete_document(self, id: str, **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        return bool((await self.collection.delete(id, **kwargs)).get("_id"))

    async def adelete_documents(self, ids: List[str], **kwargs: Any) -> bool:
        return any([await self.adelete_document(id, **kwargs) for id in ids])

    # ---- search ----

    def _query(self, key: str, value: Any, search_type: str, filter_clause: Optional[str]) -> Tuple[str, dict]:
        """`custom` takes a clause of AQL over `doc` and @value, which comes from the program, never from a user."""
        bound: Dict[str, Any] = {"@col": self.collection.name, "value": value, "path": key.split(".")}
        if search_type == "custom":
            if not filter_clause:
                raise ValueError("Custom filter clause is a required string for 'custom' search type.")
            if "@path" not in filter_clause:
                del bound["path"]
            clause = filter_clause
        elif search_type in _FILTERS:
            clause = _FILTERS[search_type]
        else:
            raise ValueError(f"Unsupported search type: {search_type}")
        return f"FOR doc IN @@col FILTER {clause} RETURN doc", bound

    async def asearch(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[dict]:
        await self._ensure_async_initialized()
        query, bound = self._query(key, value, search_type, kwargs.pop("filter_clause", None))
        return [doc async for doc in await self.db.aql.execute(query, bind_vars=bound, **kwargs)]

    async def asearch_by_keyword(self, keyword: str, max_results: int = 5, **kwargs: Any) -> List[dict]:
        """The documents that have the phrase in one of `fields`, best first; makes a search view at its first use."""
        await self._ensure_async_initialized()
        fields = kwargs.get("fields")
        if not fields or not all(_FIELD.fullmatch(field) for field in fields):
            raise ValueError("Fields parameter is required and must be a non-empty list for keyword search.")
        view = f"{self.collection.name}_search"
        if not any(one["name"] == view for one in await self.db.views()):
            links = {self.collection.name: {"includeAllFields": True, "analyzers": ["text_en", "identity"]}}
            await self.db.create_view(name=view, view_type="arangosearch", properties={"links": links})
        clause = " OR ".join(f'PHRASE(doc.{field}, @keyword, "text_en")' for field in fields)
        query = (
            f"FOR doc IN @@view SEARCH {clause} SORT BM25(doc) DESC LIMIT @max_results "
            'RETURN MERGE(doc, { "score": BM25(doc) })'
        )
        bound = {"@view": view, "keyword": keyword, "max_results": max_results}
        return [doc async for doc in await self.db.aql.execute(query, bind_vars=bound)]

    # ---- synchronously ----

    def save_document(self, doc: dict, **kwargs: Any) -> Any:
        return self.collection.insert(doc, **kwargs)

    def save_documents(self, docs: List[dict], **kwargs: Any) -> Any:
        """One result a document; a document that failed has its exception there."""
        return self.collection.insert_many(docs, **kwargs)

    def update_document(self, doc: dict, **kwargs: Any) -> Any:
        return self.collection.update(doc, **kwargs)

    def update_documents(self, docs: List[dict], **kwargs: Any) -> Any:
        """One result a document; a document that failed has its exception there."""
        return self.collection.update_many(docs, **kwargs)

    def get_document_by_id(self, id: str, **kwargs: Any) -> Optional[dict]:
        return self.collection.get(id, **kwargs)

    def get_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[dict]:
        return self.collection.get_many(ids, **kwargs)

    def delete_document(self, id: str, **kwargs: Any) -> Any:
        return self.collection.delete(id, **kwargs)

    def delete_documents(self, ids: List[str], **kwargs: Any) -> Any:
        """One result a document; a document that failed has its exception there."""
        return self.collection.delete_many(ids, **kwargs)

    def search(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[dict]:
        query, bound = self._query(key, value, search_type, kwargs.pop("filter_clause", None))
        return list(self.db.aql.execute(query, bind_vars=bound, **kwargs))
