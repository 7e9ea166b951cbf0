"""The doctor: what is in the way of a call, in words. ``rows`` is pure, ``probes`` looks, ``widget`` shows."""
