//go:build !race

package probe_test

// raced says that the race detector is on.
const raced = false
