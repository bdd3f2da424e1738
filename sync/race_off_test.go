//go:build !race

package sync_test

// raced says that the race detector is on.
const raced = false
