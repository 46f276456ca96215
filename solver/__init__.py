"""Planning of coupled task chains on an integer time axis; knows no patient, no date and no arm."""
