"""What Alembic runs, with the connection and the name of its table that `journal_schema` gives it."""

from alembic import context

context.configure(**context.config.attributes["given"])
context.run_migrations()
