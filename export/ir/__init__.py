"""The integer graph: its nodes, their arithmetic, the bounds that keep it exact, and its file. No torch here."""
