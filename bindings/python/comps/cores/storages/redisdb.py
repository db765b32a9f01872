"""JSON documents in Redis Stack, with a search index made from the first one."""

import json
import re
import uuid
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..common.storage import OpeaStore
from ..mega.logger import CustomLogger

logger = CustomLogger("RedisDBStore")

#: Characters that mean something in a query.
_SPECIAL = re.compile(r"""([(){}\[\]|&!@~":*'\-%\\;,.<>=$^/?#+ ])""")


class RedisQueryBuilder:
    """Queries of RediSearch."""

    @staticmethod
    def escape_query_value(value: str) -> str:
        """The text, to be taken literally."""
        return _SPECIAL.sub(r"\\\1", value)

    @staticmethod
    def build_search_query(key: str, value: Any, search_type: str = "exact") -> str:
        """A query for one field; `a.b` is the field b of a."""
        field = "@" + RedisQueryBuilder.escape_query_value(key.replace(".", "_"))
        if isinstance(value, bool):
            return f"{field}:{{{str(value).lower()}}}"
        if isinstance(value, (int, float)):
            return f"{field}:[{value} {value}]"
        text = str(value)
        if search_type == "contains":
            return f"{field}:*{RedisQueryBuilder.escape_query_value(text)}*"
        quoted = text.replace("\\", r"\\").replace('"', r"\"")
        return f'{field}:"{quoted}"'


class RedisSchemaGenerator:
    """Index schemas out of documents."""

    @staticmethod
    def fields(data: Dict, path: str = "$") -> Iterator[Tuple[str, str, str]]:
        """(JSON path, name, type) of each value that can be searched; `a.b` is named a_b."""
        for key, value in data.items():
            here = f"{path}.{key}"
            name = here[2:].replace(".", "_")
            if isinstance(value, dict):
                yield from RedisSchemaGenerator.fields(value, here)
            elif isinstance(value, bool):
                yield here, name, "TAG"
            elif isinstance(value, str):
                yield here, name, "TEXT"
            elif isinstance(value, (int, float)):
                yield here, name, "NUMERIC"


class RedisDBStore(OpeaStore):
    """Documents under keys with one prefix. Config: REDIS_URL, INDEX_NAME, DOC_PREFIX, AUTO_CREATE_INDEX, is_async."""

    IS_ASYNC_DEFAULT = True

    def __init__(self, name: str, description: str = "", config: Optional[Dict[str, Any]] = None):
        super().__init__(name, description, config)
        self.is_async = self.config.get("is_async", self.IS_ASYNC_DEFAULT)
        self.redis_url = self.config.get("REDIS_URL", "redis://localhost:6379")
        self.index_name = self.config.get("INDEX_NAME", "opea:index")
        self.doc_prefix = self.config.get("DOC_PREFIX", "doc:")
        self.auto_create_index = self.config.get("AUTO_CREATE_INDEX", True)
        self.client: Any = None
        self._async_initialized = False

    # ---- connection, index ----

    def _initialize_connection_sync(self) -> bool:
        """Connects, when the store is not asynchronous. Raises ConnectionError."""
        if not self.is_async:
            from redis import Redis

            self.client = Redis.from_url(self.redis_url, decode_responses=True)
            if not self.client.ping():
                raise ConnectionError(f"Failed to connect to Redis at {self.redis_url}")
        return True

    async def _initialize_connection(self) -> bool:
        """Connects. Raises ConnectionError."""
        from redis.asyncio import Redis

        self.client = Redis.from_url(self.redis_url, decode_responses=True)
        if not await self.client.ping():
            raise ConnectionError(f"Failed to connect to Redis at {self.redis_url}")
        self._async_initialized = True
        return True

    async def _ensure_async_initialized(self) -> None:
        if self.is_async and self.client is None:
            await self._initialize_connection()

    async def close(self) -> None:
        """Closes the connection."""
        if self.client is not None:
            await self.client.close()

    def health_check(self) -> bool:
        """Whether there is a connection; an asynchronous store connects at its first operation and is taken for well."""
        return (self.is_async and not self._async_initialized) or self.client is not None

    def _index_command(self, sample: Dict) -> List[str]:
        command = ["FT.CREATE", self.index_name, "ON", "JSON", "PREFIX", "1", self.doc_prefix, "SCHEMA"]
        for path, name, kind in RedisSchemaGenerator.fields(sample):
            command += [path, "AS", name, kind, "SORTABLE"]
        return command

    async def create_index(self, sample_data: Dict) -> None:
        """Makes the index, with the fields of `sample_data`, unless there is one."""
        from redis.exceptions import ResponseError

        await self._ensure_async_initialized()
        try:
            await self.client.ft(self.index_name).info()
            return
        except ResponseError:
            if not self.auto_create_index:
                raise RuntimeError(
                    f"Index '{self.index_name}' does not exist and auto-creation is disabled"
                ) from None
        await self.client.execute_command(*self._index_command(sample_data))
        await self.client.ft(self.index_name).info()

    def create_index_sync(self, sample_data: Dict) -> None:
        """create_index() of a store that is not asynchronous."""
        from redis.exceptions import ResponseError

        try:
            self.client.ft(self.index_name).info()
            return
        except ResponseError:
            if not self.auto_create_index:
                raise RuntimeError(
                    f"Index '{self.index_name}' does not exist and auto-creation is disabled"
                ) from None
        self.client.execute_command(*self._index_command(sample_data))

    # ---- documents ----

    def _new_key(self) -> str:
        return f"{self.doc_prefix}{uuid.uuid4()}"

    def _key(self, doc_id: str) -> str:
        """An id as asave_document() gave it, or without the prefix."""
        return doc_id if doc_id.startswith(self.doc_prefix) else f"{self.doc_prefix}{doc_id}"

    async def _set_all(self, entries: List[Tuple[str, Dict]]) -> bool:
        pipeline = self.client.pipeline()
        for key, doc in entries:
            pipeline.json().set(key, "$", doc)
        results = await pipeline.execute()
        failed = [result for result in results if isinstance(result, Exception)]
        if failed:
            logger.error(f"{len(failed)} of {len(entries)} documents were not stored: {failed[0]}")
        return not failed

    async def asave_document(self, doc: Dict, **kwargs: Any) -> str:
        await self._ensure_async_initialized()
        await self.create_index(doc)
        key = self._new_key()
        await self.client.json().set(key, "$", doc)
        return key

    async def asave_documents(self, docs: List[Dict], **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        if not docs:
            return True
        await self.create_index(docs[0])
        return await self._set_all([(self._new_key(), doc) for doc in docs])

    async def aupdate_document(self, doc: Dict, **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        doc_id = doc.pop("id", None)
        if not doc_id:
            raise ValueError("Document must have an 'id' field for updates")
        await self.create_index(doc)
        return await self.client.json().set(self._key(doc_id), "$", doc) is not None

    async def aupdate_documents(self, docs: List[Dict], **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        if not docs:
            return True
        entries = [(self._key(doc.pop("id")) if doc.get("id") else self._new_key(), doc) for doc in docs]
        await self.create_index(docs[0])
        return await self._set_all(entries)

    async def aget_document_by_id(  # type: ignore[override]  # OPEA's name of the parameter.
        self, doc_id: str, **kwargs: Any
    ) -> Optional[Dict]:
        await self._ensure_async_initialized()
        doc = await self.client.json().get(self._key(doc_id))
        if doc is not None and not doc.get("id"):
            doc["id"] = doc_id
        return doc

    async def aget_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[Dict]:
        await self._ensure_async_initialized()
        if not ids:
            return []
        pipeline = self.client.pipeline()
        for doc_id in ids:
            pipeline.json().get(self._key(doc_id))
        docs = []
        for doc_id, found in zip(ids, await pipeline.execute()):
            if found:
                doc = json.loads(found) if isinstance(found, str) else found
                docs.append({**doc, "id": doc.get("id") or doc_id})
        return docs

    async def adelete_document(  # type: ignore[override]  # OPEA's name of the parameter.
        self, doc_id: str, **kwargs: Any
    ) -> bool:
        await self._ensure_async_initialized()
        return await self.client.delete(self._key(doc_id)) > 0

    async def adelete_documents(self, ids: List[str], **kwargs: Any) -> bool:
        await self._ensure_async_initialized()
        return not ids or await self.client.delete(*(self._key(doc_id) for doc_id in ids)) > 0

    # ---- search ----

    @staticmethod
    def _found(doc: Any) -> Dict:
        fields = json.loads(doc.json) if hasattr(doc, "json") else dict(doc)
        return fields if fields.get("id") else {**fields, "id": doc.id}

    async def asearch(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[Dict]:
        await self._ensure_async_initialized()
        query = RedisQueryBuilder.build_search_query(key, value, search_type)
        return [self._found(doc) for doc in (await self.client.ft(self.index_name).search(query)).docs]

    async def asearch_by_keyword(self, keyword: str, max_results: int = 5, **kwargs: Any) -> List[Dict]:
        from redis.commands.search.query import Query

        await self._ensure_async_initialized()
        text = RedisQueryBuilder.escape_query_value(keyword)
        query = Query(f"*{text}*").paging(0, max_results).with_scores()
        docs = (await self.client.ft(self.index_name).search(query)).docs
        found = [{**self._found(doc), "score": float(getattr(doc, "score", 0.0))} for doc in docs]
        return sorted(found, key=lambda doc: doc["score"], reverse=True)
