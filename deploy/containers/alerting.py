"""Write Alertmanager's configuration out of ALERT_URLS, so that it tells the same people as the watcher."""

from carvalue.ops.observers import ALERTMANAGER, write_files
from carvalue.settings import load_settings

if __name__ == "__main__":
    write_files(ALERTMANAGER, load_settings())
