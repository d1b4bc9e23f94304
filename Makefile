.PHONY: test check bench

# All tests. What this machine lacks is named at the end.
test:
	./scripts/test

# What CI adds to the tests.
check:
	./scripts/check

# The figures of the README: platen against what this machine can do at best.
bench:
	go run ./internal/bench
