"""Settings for every pytest run here, including nbval over the notebooks."""

pytest_plugins = ["pytester", "tests.leftovers"]
