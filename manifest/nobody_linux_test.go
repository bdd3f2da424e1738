package manifest

import (
	"os"
	"syscall"
	"testing"
)

// asNobody makes the test run without root's privilege to read everything.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := syscall.Setresuid(-1, 65534, -1); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			t.Fatal(err)
		}
	})
}
