"""What bounds a model's shape on every floor: the settings ask it before torch is loaded. No torch here."""

# Far beyond any use, and small enough that a network of one such size is made, or refused, in no time.
WIDTH_MAX = 2**14
BLOCKS_MAX = 2**10
STEPS_MAX = 2**12
TOKENS_MAX = 2**16
LEVELS_MAX = 4  # populations of embedding neurons: a Lava process has its ports before it knows its model
