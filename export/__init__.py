"""From a trained SpikeBERT to files that chips and other tools read: the integer graph and its formats."""
