"""Files of annotation, one module a family of formats: each gives intervals as BED does."""
