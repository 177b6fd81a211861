"""The files that other tools read, and pictures: one module a format, `write(graph, path)`. No torch here."""
