.PHONY: test check

# All tests. What this machine lacks is named at the end.
test:
	./scripts/test

# What CI adds to the tests.
check:
	./scripts/check
