"""From a complete spec to bytes in a storage and the body of a deployment."""
