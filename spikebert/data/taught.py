"""Who taught a model, in words, as the record of its training names them."""

from __future__ import annotations


def teachers_in_words(more: object, bert: str = "") -> str:
    """One teacher, or the mean of several.

    Args:
        more: `more_teachers` of the record: the names of those beside the first.
        bert: the size of the BERT among them, where it is known.
    """
    if isinstance(more, list) and more:
        return f"the mean of its {len(more) + 1} teachers" + (f", one of them a BERT of {bert}" if bert else "")
    return "its teacher" + (f", a BERT of {bert}" if bert else "")
