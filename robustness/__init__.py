"""The science: what is observed, how far an instruction is from it, and what that costs.

Knows neither HTTP nor the page; `server/` and `app.py` are built on it.
"""

__version__ = "0.1.0"
