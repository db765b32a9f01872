"""Documents in MongoDB."""

import inspect
import re
from typing import Any, List, Optional

import motor.motor_asyncio as motor
from bson.errors import InvalidId
from bson.objectid import ObjectId

from ..common.storage import OpeaStore
from ..mega.logger import CustomLogger

logger = CustomLogger("MongoDBStore")


def _object_id(id: Optional[str]) -> ObjectId:
    """Raises KeyError for what is no id of MongoDB's."""
    try:
        return ObjectId(id)
    except (InvalidId, TypeError) as error:
        raise KeyError(str(error)) from error


class MongoDBStore(OpeaStore):
    """A collection. Config: MONGO_HOST, MONGO_PORT, DB_NAME, COLLECTION_NAME, user."""

    def __init__(self, name: str, description: str = "", config: Optional[dict] = None):
        super().__init__(name, description, config)
        self.user = self.config.get("user")

    def _initialize_db(self) -> None:
        host = self.config.get("MONGO_HOST", "localhost")
        port = self.config.get("MONGO_PORT", 27017)
        self.collection_name = self.config.get("COLLECTION_NAME", "default")
        self.db: Any = motor.AsyncIOMotorClient(f"mongodb://{host}:{port}/")[self.config.get("DB_NAME", "OPEA")]
        self.collection: Any = self.db[self.collection_name]

    def health_check(self) -> bool:
        """Whether a count can be asked for. The driver connects in the background: its answer is not waited for."""
        try:
            asked = self.collection.count_documents({}, limit=1)
            if inspect.iscoroutine(asked):
                asked.close()
            return True
        except Exception as error:
            logger.error(f"MongoDB Health check failed: {error}")
            return False

    async def asave_document(self, doc: dict, **kwargs: Any) -> str:
        doc.pop("_id", None)
        return str((await self.collection.insert_one(doc)).inserted_id)

    async def asave_documents(self, docs: List[dict], **kwargs: Any) -> str:
        fresh = [{key: value for key, value in doc.items() if key != "_id"} for doc in docs]
        return str([str(one) for one in (await self.collection.insert_many(fresh)).inserted_ids])

    async def aupdate_document(self, doc: dict, **kwargs: Any) -> bool:
        id = _object_id(doc.pop("_id", None))
        return (await self.collection.update_one({"_id": id}, {"$set": doc})).modified_count == 1

    async def aupdate_documents(self, docs: List[dict], **kwargs: Any) -> bool:
        return all([await self.aupdate_document(doc) for doc in docs])

    async def aget_document_by_id(self, id: str, **kwargs: Any) -> Optional[dict]:
        return await self.collection.find_one({"_id": _object_id(id)})

    async def aget_documents_by_ids(self, ids: List[str], **kwargs: Any) -> List[dict]:
        found = [await self.collection.find_one({"_id": _object_id(id)}) for id in ids]
        return [doc for doc in found if doc]

    async def adelete_document(self, id: str, **kwargs: Any) -> bool:
        return (await self.collection.delete_one({"_id": _object_id(id)})).deleted_count == 1

    async def adelete_documents(self, ids: List[str], **kwargs: Any) -> bool:
        wanted = [_object_id(id) for id in ids]
        return (await self.collection.delete_many({"_id": {"$in": wanted}})).deleted_count > 0

    async def asearch(self, key: str, value: Any = None, search_type: str = "exact", **kwargs: Any) -> List[dict]:
        if search_type == "exact":
            query: dict = {key: value}
        elif search_type == "contains":
            query = {key: {"$regex": re.escape(str(value)), "$options": "i"}}
        else:
            raise ValueError("Unsupported search type. Use 'exact' or 'contains'.")
        return [doc async for doc in self.collection.find(query)]

    async def asearch_by_keyword(self, keyword: str, max_results: int = 5, **kwargs: Any) -> List[dict]:
        await self.collection.create_index([("$**", "text")])
        score = {"$meta": "textScore"}
        found = self.collection.find({"$text": {"$search": keyword}}, {"score": score})
        return await found.sort([("score", score)]).to_list(length=max_results)
