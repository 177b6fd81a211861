"""A mapping as SANA-FE reads it: a chip, a network of forced spikes, and the script that runs them there."""
