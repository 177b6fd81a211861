"""The bundle for the hardware team: model, golden vectors, mapping, and the check of what comes back."""
