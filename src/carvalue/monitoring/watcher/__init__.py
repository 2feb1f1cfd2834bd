"""The watcher process: follows the journal, detects drift, sends alerts, requests retrainings."""
