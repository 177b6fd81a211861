"""What bounds a model's shape on every floor: the settings ask it before torch is loaded. No torch here."""

LEVELS_MAX = 4  # populations of embedding neurons: a Lava process has its ports before it knows its model
