"""Check names of settings: `check_settings.py PATH`, a file of NAME=VALUE or a folder of one file each."""

import sys
from pathlib import Path

from dotenv import dotenv_values

from carvalue.settings import check_deployed

STORAGE = frozenset({"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"})
"""What boto3 reads beside the settings."""


def main(path: Path) -> None:
    """Stop with an error at a name that is no setting of containers.

    Args:
        path: The file, or the folder.
    """
    if path.is_dir():
        names = {item.name for item in path.iterdir() if item.is_file()}
    else:
        names = set(dotenv_values(path))
    check_deployed(sorted(names - STORAGE))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
