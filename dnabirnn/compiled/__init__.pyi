from .arguments import address_of as address_of
from .deferred import (
    INLINED as INLINED,
    deferred_names as deferred_names,
    inlined as inlined,
)
from .kernels import kernel as kernel
