"""What runs the integer graph on NumPy, and what is counted of a run. No torch here."""
