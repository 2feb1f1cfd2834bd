"""`python -m carvalue`: the same commands as `carvalue`."""

from carvalue.cli import main

main()
