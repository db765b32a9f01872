"""OPEA's logger: Python's, with two levels more."""

import logging
from typing import Any, Callable, Optional

_LEVELS = {"DEBUG": 10, "INFO": 20, "TRAIN": 21, "EVAL": 22, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_FORMAT = "[%(asctime)-15s] [%(levelname)8s] - %(name)s - %(message)s"

for _name, _level in _LEVELS.items():
    logging.addLevelName(_level, _name)


class CustomLogger:
    """A logger with a method for each level, and `exception`, which adds the traceback.

    Loggers of one name share one handler, so that a line is written once however often the name is used.
    """

    debug: Callable[..., None]
    info: Callable[..., None]
    train: Callable[..., None]
    eval: Callable[..., None]
    warning: Callable[..., None]
    error: Callable[..., None]
    critical: Callable[..., None]

    def __init__(self, name: Optional[str] = None):
        self.logger = logging.getLogger(name or "GenAIComps")
        for name, level in _LEVELS.items():
            setattr(self, name.lower(), self._method(level))
        self.exception = self.logger.exception
        self.format = logging.Formatter(fmt=_FORMAT)
        ours = [handler for handler in self.logger.handlers if getattr(handler, "of_comps", False)]
        if ours:
            self.handler = ours[0]
        else:
            self.handler = logging.StreamHandler()
            self.handler.of_comps = True  # type: ignore[attr-defined]
            self.handler.setFormatter(self.format)
            self.logger.addHandler(self.handler)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False

    def _method(self, level: int) -> Callable[..., None]:
        def log(msg: Any, *args: Any, **kwargs: Any) -> None:
            self.logger.log(level, msg, *args, **kwargs)

        return log

    def log_message(self, log_level: int, msg: Any) -> None:
        """Logs at a level given by its number."""
        self.logger.log(log_level, msg)

    def close(self) -> None:
        """Flushes and closes the handlers."""
        for handler in self.logger.handlers:
            handler.close()


logger = CustomLogger()
