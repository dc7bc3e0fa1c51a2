from aisle_cli.main import main

main()
