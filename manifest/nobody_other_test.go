//go:build unix && !linux

package manifest

import (
	"os"
	"testing"
)

// asNobody skips the test where root's privilege to read everything cannot be
// laid down for a while.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
}
