"""What machines ask the site: whether it is alive, ready to serve, and keeps up with its work."""
