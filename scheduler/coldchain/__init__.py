"""What becomes of a dose between the fill and the patient: identity, custody, temperature, release."""
