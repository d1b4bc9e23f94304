//go:build race

package sandbox_test

// raced: the race detector makes everything many times slower.
const raced = true
