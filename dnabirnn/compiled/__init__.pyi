from .deferred import (
    INLINED as INLINED,
    deferred_names as deferred_names,
    inlined as inlined,
)
from .kernels import kernel as kernel
