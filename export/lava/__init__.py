"""Lava processes of the integer graph, and nothing else: Lava's compiler executes every file beside a Process."""
