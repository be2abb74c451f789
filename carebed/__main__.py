"""`python -m carebed`: the same as the `carebed` command."""

from carebed.cli import main

if __name__ == "__main__":
    main()
