"""Models of responses: Gaussian processes, kinetic laws, and what is believed of both."""
