"""What ``leadline up`` consists of: a server, a worker, deployments and a built-in venue kept running."""
