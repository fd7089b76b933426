"""The gallery: every figure, table and worked number of the book as an entry that anyone can run.

    chainrule book list                           what there is
    chainrule book run 4.5-fig4.9 --out pages     one entry: its numbers beside the book's, its picture
    chainrule book all --chapter 4 --out pages    a chapter as pages with pictures, numbers and code

An entry is a function of a chapter's file that returns a `Result`; it is found by its checklist ids.
"""
from .registry import Entry, book, entries, find
from .result import Result, Row, at_least, at_most, fact, near, shown

__all__ = ["Entry", "Result", "Row", "at_least", "at_most", "book", "entries", "fact", "find", "near",
           "shown"]
