"""Time, arithmetic and bytes of the library's work, beside its peers and the machine's ceilings."""
