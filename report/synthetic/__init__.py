"""Made-up studies with planted effects, and the marks that say that they are made up."""
