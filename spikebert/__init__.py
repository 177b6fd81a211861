"""SpikeBERT: a spiking transformer for text, distilled from BERT (Lv et al., arXiv 2308.15122).

Importing this package costs nothing: torch and transformers are loaded by the modules that need them.
"""

__version__ = "0.1.0"
