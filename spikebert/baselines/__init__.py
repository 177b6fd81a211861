"""What SpikeBERT is compared with: trained by the same loop, on the same tokens, from the same word vectors."""
