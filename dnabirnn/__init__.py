"""dnabirnn: the probability, for every base, that it belongs to a motif."""
