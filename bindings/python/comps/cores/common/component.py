"""Components: implementations of one service that are chosen by name."""

from abc import ABC, abstractmethod
from typing import Any, Callable, Dict, Optional, TypeVar

C = TypeVar("C", bound=type)


class OpeaComponent(ABC):
    """One implementation of a service, e.g. an embedding service that asks TEI."""

    def __init__(self, name: str, type: str, description: str, config: Optional[dict] = None):
        self.name = name
        self.type = type
        self.description = description
        self.config = {} if config is None else config

    def get_meta(self) -> dict:
        """What it is: name, type, description, config."""
        return {"name": self.name, "type": self.type, "description": self.description, "config": self.config}

    def update_config(self, key: str, value: Any) -> None:
        """Sets one value of the configuration."""
        self.config[key] = value

    @abstractmethod
    def check_health(self) -> bool:
        """Whether it can answer."""

    @abstractmethod
    async def invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Answers."""

    def __repr__(self) -> str:
        return f"OpeaComponent(name={self.name}, type={self.type}, description={self.description})"


class OpeaComponentRegistry:
    """The components that there are, by name."""

    _registry: Dict[str, type] = {}

    @classmethod
    def register(cls, name: str) -> Callable[[C], C]:
        """A decorator that enters a class under a name. Raises ValueError when the name is taken."""

        def decorator(component_class: C) -> C:
            if name in cls._registry:
                raise ValueError(f"A component with the name '{name}' is already registered.")
            cls._registry[name] = component_class
            return component_class

        return decorator

    @classmethod
    def get(cls, name: str) -> type:
        """The class of that name. Raises KeyError when there is none."""
        if name not in cls._registry:
            known = ", ".join(sorted(cls._registry)) or "none"
            raise KeyError(f"No component found with the name '{name}'. There are: {known}.")
        return cls._registry[name]

    @classmethod
    def unregister(cls, name: str) -> None:
        """Takes a class out; nothing when it is not in."""
        cls._registry.pop(name, None)


class OpeaComponentLoader:
    """The component of a name, made and ready to be invoked."""

    def __init__(self, component_name: str, **kwargs: Any):
        kwargs["name"] = component_name
        self.component = OpeaComponentRegistry.get(component_name)(**kwargs)

    async def invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Invokes the component."""
        if not hasattr(self.component, "invoke"):
            raise AttributeError(f"The component '{self.component}' does not have an 'invoke' method.")
        return await self.component.invoke(*args, **kwargs)
