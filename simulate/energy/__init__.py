"""Energy of a counted run: a file for each accounting, and the costs that they share in costs.json."""
