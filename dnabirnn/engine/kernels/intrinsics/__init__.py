"""Functions that are compiled into kernels: operations on SIMD vectors.

Modules, in reading order:

- `vector_types`: vectors as types of Numba
- `generate`: generation of code
- `simd`: operations on vectors
- `tiles`: tiles of matrix products
- `bf16_tiles`: tiles of matrix products of bfloat16
- `kmers`: look-up of k-mers
- `letters`: gradients by the letters of k-mers
- `activation`: activation functions

All of these import Numba. They are imported when a kernel is compiled.
"""

from dnabirnn.compiled import deferred_names

_MODULES = {
    "activation": ("exp", "exp2", "half_logistic", "logistic", "tanh"),
    "bf16_tiles": ("add_tile_product", "begin_tiles", "end_tiles", "store_pairs"),
    "kmers": ("add_to_rows", "start_kmers", "take_kmers"),
    "letters": ("add3", "add5", "add7", "transpose"),
    "simd": (
        "by_lane",
        "choose",
        "fma",
        "fraction",
        "join",
        "like",
        "load",
        "load4",
        "load8",
        "load_codes",
        "maximum",
        "minimum",
        "prefetch_to_read",
        "prefetch_to_write",
        "scale",
        "splat",
        "split",
        "square_root",
        "start_rows",
        "store",
        "take",
        "take_rows",
        "total",
        "where_padding",
        "zero_where_n",
        "zero_where_padding",
        "zeros",
    ),
    "tiles": ("outer", "product2", "product4", "product6", "product8", "product12"),
}

__getattr__ = deferred_names(
    {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
)
