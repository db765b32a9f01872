"""The core of comps: services, graphs, messages, stores."""
