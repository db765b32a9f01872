"""What chat history, feedback and the prompt registry store."""

from typing import Annotated, Optional

from pydantic import BaseModel, Field

from comps.cores.proto.api_protocol import ChatCompletionRequest


class ChatMessage(BaseModel):
    """A conversation."""

    data: ChatCompletionRequest
    first_query: Optional[str] = None
    id: Optional[str] = None


class ChatId(BaseModel):
    """Which conversations: one, or all of a user."""

    user: str
    id: Optional[str] = None


class FeedbackData(BaseModel):
    """What somebody thought of an answer."""

    is_thumbs_up: bool
    rating: Annotated[Optional[int], Field(ge=0, le=5)] = None
    comment: Optional[str] = None


class ChatFeedback(BaseModel):
    """Feedback and the conversation it is about."""

    chat_data: ChatCompletionRequest
    feedback_data: FeedbackData
    chat_id: Optional[str] = None
    feedback_id: Optional[str] = None


class FeedbackId(BaseModel):
    """Which feedback: one, or all of a user."""

    user: str
    feedback_id: Optional[str] = None


class PromptCreate(BaseModel):
    """A prompt to be kept."""

    prompt_text: str
    user: str


class PromptId(BaseModel):
    """Which prompts: one, those with a text, or all of a user."""

    user: str
    prompt_id: Optional[str] = None
    prompt_text: Optional[str] = None
