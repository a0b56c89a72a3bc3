"""`python -m mmrerank`: the command line."""

import sys

from mmrerank.cli.main import main

sys.exit(main())
