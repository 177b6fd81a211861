"""Labelled texts and corpora, from files, packages and the hub, and their tokens. No torch here."""
