"""`python -m highway_client predict FILE`; the console command is `highway predict`."""

from highway_client.command import main

if __name__ == "__main__":
    main()
