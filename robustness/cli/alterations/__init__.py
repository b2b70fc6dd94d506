"""Commands about altered instructions."""
