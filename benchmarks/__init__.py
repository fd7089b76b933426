"""Time, arithmetic and bytes of the library's work, against what cannot be avoided."""
