from .deferred import (
    INLINED as INLINED,
    deferred_names as deferred_names,
    inlined as inlined,
)
from .kernel import kernel as kernel
