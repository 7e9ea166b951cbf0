"""What holds for every run of pytest here, that over the notebooks, too."""

pytest_plugins = ["pytester", "tests.leftovers"]
