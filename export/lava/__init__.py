"""Lava processes of the integer graph. Nothing else may stand here: Lava's compiler executes every file beside a Process."""
