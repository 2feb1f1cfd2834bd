"""Create Airflow's administrator AIRFLOW_USER with the password AIRFLOW_PASSWORD, or reset the password."""

import os
import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder


def main(*, name: str, password: str) -> None:
    """Create the user, or reset the password of an existing user; `airflow users create` creates others.

    Args:
        name: Name of the user.
        password: Password of the user; Airflow stores a hash of it.
    """
    with get_application_builder() as builder:
        users = builder.sm
        existing = users.find_user(name)
        done = (
            users.reset_password(existing.id, password)
            if existing
            else users.add_user(
                name, name, "administrator", f"{name}@localhost", users.find_role("Admin"), password
            )
        )
    if not done:
        sys.exit(f"airflow_admin: Airflow rejected the user {name!r}; see its log.")


if __name__ == "__main__":
    main(name=os.environ.get("AIRFLOW_USER", "airflow"), password=os.environ["AIRFLOW_PASSWORD"])
