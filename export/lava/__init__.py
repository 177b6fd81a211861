"""Lava processes of the integer graph, and nothing else: Lava's compiler executes every file beside a Process.

It does so outside the import system, where a dataclass cannot be made.
"""
