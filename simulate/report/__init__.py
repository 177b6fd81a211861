"""The report of a run: what it says (content), how it looks (plots, page), and its command."""
