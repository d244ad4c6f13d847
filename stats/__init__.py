"""Statistics on arrays, and nothing else.

Layer rule, enforced by ``tests/stats/test_layer.py``: modules here are pure functions.
They may import numpy, scipy, statsmodels and pingouin; they never import ``report``, read
or write files, look at the clock, or use a global random state.
"""
