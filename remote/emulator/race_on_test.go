//go:build race

package emulator_test

// raced says that the race detector is on.
const raced = true
