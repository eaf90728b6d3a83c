"""structlog, read without rich.

structlog draws tracebacks by rich where that is installed. Ours are plain text, and reading rich
takes an eighth of the service's start and a tenth of its memory.
"""

import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

_rich = sys.modules.get("rich")
sys.modules["rich"] = cast("ModuleType", None)  # what is None there can't be imported
try:
    import structlog
    from structlog.typing import EventDict, Processor, WrappedLogger
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich

__all__ = ["EventDict", "Processor", "WrappedLogger", "structlog"]
