"""`spikebert inspect`: what a file or a folder is, as a hardware engineer asks first."""
