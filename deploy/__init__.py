"""Deployment: what an exported model needs of a Loihi-class system."""
