"""The ground floor: settings, clock, database, deadlines, supervision, embedded services, command line."""
