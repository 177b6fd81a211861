"""Energy from counts: one file per accounting, every cost with its source.

`record` reads counts.json; an accounting turns it into an `account.Account`, a list of priced terms.
"""
