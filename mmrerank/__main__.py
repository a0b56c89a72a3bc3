"""`python -m mmrerank`: the command line."""

import sys

from mmrerank.cli import main

sys.exit(main())
