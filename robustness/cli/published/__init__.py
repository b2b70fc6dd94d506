"""Commands of the published study."""
