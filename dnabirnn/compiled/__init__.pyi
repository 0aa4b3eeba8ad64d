from .compiled import INLINED as INLINED, inlined as inlined, kernel as kernel
