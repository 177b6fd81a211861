"""The ground that everything stands on: errors, files, options, children under limits. No torch here."""
