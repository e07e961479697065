"""``python -m include.cli`` is ``tagkeeper`` of this checkout."""

import sys

from include.cli.app import main

sys.exit(main())
