"""The report of a simulated run: its content once (`content`, `panels`), and three ways to write it down."""
