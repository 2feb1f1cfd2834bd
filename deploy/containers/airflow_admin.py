"""Let AIRFLOW_USER into Airflow as its administrator, by AIRFLOW_PASSWORD, of which Airflow keeps a hash."""

import os
import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder


def main(*, name: str, password: str) -> None:
    """Make the user, or give the password anew; people make others by `airflow users create`."""
    with get_application_builder() as builder:
        users = builder.sm
        known = users.find_user(name)
        done = (
            users.reset_password(known.id, password)
            if known
            else users.add_user(
                name, name, "administrator", f"{name}@localhost", users.find_role("Admin"), password
            )
        )
    if not done:
        sys.exit(f"airflow_admin: Airflow did not take the user {name!r}; its log says why.")


if __name__ == "__main__":
    main(name=os.environ.get("AIRFLOW_USER", "airflow"), password=os.environ["AIRFLOW_PASSWORD"])
