"""Random numbers as a function of (seed, stream, position): Philox 4x32-10 (Salmon et al., 2011).

The same numbers on every device and in any launch shape; nothing global, the stream is an argument.
"""
from __future__ import annotations
