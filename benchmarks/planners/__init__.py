"""How many experiments planners need on problems of flow and droplet chemistry, beside peers."""
