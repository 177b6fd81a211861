"""Runs NIR files that other tools wrote: in floating point (`euler`) and on Lava in integers (`lava`)."""
