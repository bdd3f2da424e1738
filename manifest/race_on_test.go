//go:build race

package manifest

// raced says that the race detector is on.
const raced = true
