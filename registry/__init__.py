"""Who and what: area tree, stations, homes, residents and beds, staff, gateways and devices with their credentials."""
