"""Composites: functions written in ops. Their derivatives need no word, since those of the ops are known."""
# ruff: noqa: F403
