.PHONY: test check check-release vulncheck bench bench-peers release

# All tests. What this machine lacks is named at the end.
test:
	./scripts/test

# What CI adds to the tests.
check:
	./scripts/check

# Known vulnerabilities in what the code calls. Exit code 2: its database can not
# be reached, so nothing was checked.
vulncheck:
	./scripts/vulncheck

# The figures of the README: platen against what this machine can do at best.
bench:
	go run ./internal/bench

# The same beside PocketBase, the bare driver and pgbench, in one run. It
# downloads PocketBase as a Go module the first time.
bench-peers:
	go run ./internal/bench -peers -only 'properties|peers'

# A release of the commit that is checked out, in dist/: binaries, packages,
# images, checksums. The binaries are built twice and compared.
release:
	./scripts/release --twice

# What installs platen: a release for linux/amd64 built twice, its packages, their
# installation, update and removal (root, systemd-container), its unit, its image,
# and platen beside others' servers. In CI it is a job beside
# .ci/run, which has twenty minutes.
check-release:
	./scripts/check-release
