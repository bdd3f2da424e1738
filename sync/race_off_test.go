//go:build !race

package sync

// Raced says that the race detector is on.
const Raced = false
